// Programs of the original pxVM v0, translated and run. Oracle: ../shared/conformance/pxvm,
// pictures that the original left behind.

#include "cartridges/import/pxvm_v0.hpp"

#include "cartridges/import/npz.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "tests/e2e/read_png.hpp"
#include "tests/support/conformance.hpp"

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace pxos {
namespace {

using namespace cartridges;
using nlohmann::json;

using test::read_png;

json read_json(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  REQUIRE(bytes);
  return json::parse(bytes->begin(), bytes->end());
}

/// A translation that can run over many pictures of one program.
class Translated {
 public:
  Translated(const pixelfs::Image& image, std::optional<V0Dialect> dialect, bool compat) {
    const auto program = decode_v0(image, dialect);
    REQUIRE(program);
    auto linked = link_v0(*program, {"v0.pxi", compat, programs::read_include});
    INFO((linked ? "" : linked.error().message));
    REQUIRE(linked);
    program_ = *program;
    linked_ = *std::move(linked);
  }

  Result<void> run(pixelfs::Image& image) {
    return run_v0(linked_, {tensor::available_kernels().front(), &pool_, &stop_, nullptr, 0, true},
                  image);
  }
  [[nodiscard]] const V0Program& program() const { return program_; }

 private:
  V0Program program_;
  std::shared_ptr<const vm::LinkedProgram> linked_;
  ThreadPool pool_{1};
  std::atomic<bool> stop_{false};
};

/// Scale and offset may differ by 1e-6, every other byte by nothing.
void check_equal(const pixelfs::Image& found, const pixelfs::Image& expected,
                 const V0Program& program) {
  REQUIRE(found.pixels.size() == expected.pixels.size());
  std::vector<bool> is_result(found.height);
  for (const V0Instruction& instruction : program.code) {
    if (const auto row = v0_result_row(instruction, program.dialect)) is_result[*row] = true;
  }
  std::size_t different = 0;
  for (std::size_t y = 0; y < found.height; ++y) {
    const bool scaled = is_result[y] && program.dialect == V0Dialect::kV020;
    for (std::size_t byte = 0; byte < found.width * 4; ++byte) {
      const bool is_float = scaled && byte >= 4 && byte < 12;
      const std::size_t at = y * found.width * 4 + byte;
      if (!is_float && found.pixels[at] != expected.pixels[at]) ++different;
    }
    if (!scaled) continue;
    const auto now = read_v0_matrix(found, static_cast<std::uint32_t>(y));
    const auto then = read_v0_matrix(expected, static_cast<std::uint32_t>(y));
    if (!then) continue;  // the dot product's row holds no matrix
    REQUIRE(now);
    CHECK(now->scale == Approx(then->scale).epsilon(1e-6));
    const bool close = now->offset == then->offset ||
                       std::abs(now->offset - then->offset) <= 1e-6F * std::abs(then->offset);
    CHECK(close);
  }
  CHECK(different == 0);
}

/// One case of expected/*.json.
void check_case(const std::filesystem::path& folder, const std::string& interpreter,
                V0Dialect dialect, const json& expected) {
  const auto name = expected["program"].get<std::string>();
  INFO(interpreter + " " + name);
  pixelfs::Image image = read_png(folder / "programs" / (name.substr(0, name.find("__")) + ".pxi"));
  if (expected.contains("input_h_in")) {
    const auto values = expected["input_h_in"].get<std::vector<float>>();
    REQUIRE(write_v0_matrix(image, expected["input_row"].get<std::uint32_t>(),
                            static_cast<std::uint32_t>(values.size()), 1, values));
  }
  Translated translated(image, dialect, true);
  const pixelfs::Image before = image;
  const auto done = translated.run(image);
  if (!expected["error"].is_null()) {
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Errc::kTrap);
    CHECK(image.pixels == before.pixels);
    return;
  }
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  const pixelfs::Image result =
      read_png(folder / "expected" / interpreter / (name + ".result.png"));
  check_equal(image, result, translated.program());
}

void check_interpreter(const std::string& interpreter, V0Dialect dialect) {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pxvm");
  const json recorded = read_json(folder / "expected" / (interpreter + ".json"));
  REQUIRE_FALSE(recorded["cases"].empty());
  for (const json& expected : recorded["cases"]) check_case(folder, interpreter, dialect, expected);
}

}  // namespace

TEST_CASE("v0.0.1 programs leave the original's pictures", "[pxvm_v0]") {
  check_interpreter("v001", V0Dialect::kV001);
}

TEST_CASE("v0.0.2 programs leave the original's pictures", "[pxvm_v0]") {
  check_interpreter("v002", V0Dialect::kV002);
}

TEST_CASE("v0.2.0 programs leave the original's pictures", "[pxvm_v0]") {
  check_interpreter("v020ascii", V0Dialect::kV020);
}

TEST_CASE("Every original picture runs in its own dialect, strictly", "[pxvm_v0]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pxvm");
  for (const auto& entry : std::filesystem::directory_iterator(folder / "programs")) {
    INFO(entry.path().filename().string());
    pixelfs::Image image = read_png(entry.path());
    Translated translated(image, std::nullopt, false);
    const auto done = translated.run(image);
    INFO((done ? "" : done.error().message));
    CHECK(done);
  }
}

namespace {

/// The hidden state of the original's generate_text: the last token's embedding plus its position.
std::vector<float> hidden_state(const NpyArray& embed, std::size_t token, std::size_t position) {
  const auto dim = static_cast<std::size_t>(embed.shape[1]);
  std::vector<float> h(dim);
  for (std::size_t i = 0; i < dim; ++i) {
    const double angle = static_cast<double>(position) /
                         std::pow(10000.0, static_cast<double>(i) / static_cast<double>(dim));
    const double wave = i % 2 == 0 ? std::sin(angle) : std::cos(angle);
    h[i] = static_cast<float>(static_cast<double>(embed.values[token * dim + i]) + wave);
  }
  return h;
}

std::size_t next_token(Translated& translated, pixelfs::Image image, std::span<const float> h) {
  REQUIRE(write_v0_matrix(image, 1, static_cast<std::uint32_t>(h.size()), 1, h));
  REQUIRE(translated.run(image));
  const auto logits = read_v0_matrix(image, translated.program().code.back().row[2]);
  REQUIRE(logits);
  const auto best = std::max_element(logits->values.begin(), logits->values.end());
  return static_cast<std::size_t>(best - logits->values.begin());
}

}  // namespace

TEST_CASE("A v0 program writes the original's text, token by token", "[pxvm_v0]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pxvm");
  const json expected = read_json(folder / "expected/generate_text.tiny_ref.json");
  const pixelfs::Image image = read_png(folder / expected["program"].get<std::string>());
  const auto weights = read_file(folder / "tiny_ref.npz");
  REQUIRE(weights);
  const auto arrays = parse_npz(*weights);
  REQUIRE(arrays);
  const auto embed = std::find_if(arrays->begin(), arrays->end(),
                                  [](const NpyArray& array) { return array.name == "embed"; });
  REQUIRE(embed != arrays->end());
  Translated translated(image, std::nullopt, false);
  for (const json& text : expected["cases"]) {
    INFO(text["prompt"].get<std::string>());
    auto tokens = text["prompt_tokens"].get<std::vector<std::size_t>>();
    const auto all = text["tokens"].get<std::vector<std::size_t>>();
    while (tokens.size() < all.size())
      tokens.push_back(
          next_token(translated, image, hidden_state(*embed, tokens.back(), tokens.size())));
    CHECK(tokens == all);
  }
}

}  // namespace pxos
