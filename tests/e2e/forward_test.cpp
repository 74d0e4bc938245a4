// Every forward program against the float64 passes of reference/forward.py: models of random
// weights that the script makes, imported, mounted and run as a user's would be.

#include "cartridges/export/export.hpp"
#include "cartridges/import/gguf.hpp"
#include "pxvm/base/file.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

constexpr std::int32_t kTokens = 150, kVocab = 37;  // as in forward.py
constexpr std::int64_t kOut = 64;

struct Case {
  const char* name;
  const char* program;
  int layers;
};
constexpr Case kCases[] = {{"llama", "llama", 3},
                           {"llama_linear", "llama", 3},
                           {"llama_yarn", "llama", 3},
                           {"llama3", "llama3", 3},
                           {"mistral", "mistral", 3},
                           {"qwen2", "qwen2", 3},
                           {"qwen3", "qwen3", 3},
                           {"smollm3", "smollm3", 5},
                           {"gemma3", "gemma3", 7},
                           {"phi3", "phi3", 3},
                           {"phi3_short", "phi3_longrope", 3},
                           {"phi3_long", "phi3_longrope", 3},
                           {"olmo2", "olmo2", 3},
                           {"gpt2", "gpt2", 3}};

std::vector<std::int32_t> test_tokens() {
  std::vector<std::int32_t> out;
  for (std::int32_t i = 0; i < kTokens; ++i) out.push_back((7 * i * i + 3 * i) % kVocab);
  return out;
}

/// Runs the script; the expected logits, [kOut, kVocab].
std::vector<double> make_case(const std::string& name, const test::TempFolder& folder) {
  const auto gguf = folder / "model.gguf";
  const auto logits = folder / "logits.f64";
  const auto script = test::source_folder() / "tests/e2e/reference/forward.py";
  const std::string command = std::string(PXOS_NUMPY_PYTHON) + " '" + script.string() + "' " +
                              name + " '" + gguf.string() + "' '" + logits.string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(concurrency-mt-unsafe)
  const auto bytes = read_file(logits);
  REQUIRE(bytes);
  std::vector<double> out(static_cast<std::size_t>(kOut) * kVocab);
  REQUIRE(bytes->size() == out.size() * sizeof(double));
  std::memcpy(out.data(), bytes->data(), bytes->size());
  return out;
}

/// Logits of the last kOut tokens when the prompt is evaluated in pieces of `piece`.
std::vector<float> logits_of(hypervisor::Mount& mount, std::int64_t piece) {
  const std::vector<std::int32_t> tokens = test_tokens();
  std::vector<float> out;
  mount.rewind(0);
  for (std::int64_t at = 0; at < kTokens; at += piece) {
    const std::int64_t here = std::min<std::int64_t>(piece, kTokens - at);
    const std::int64_t asked = std::clamp<std::int64_t>(at + here - (kTokens - kOut), 1, here);
    const auto logits = mount.evaluate(
        std::span(tokens).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(here)),
        asked);
    INFO((logits ? "" : logits.error().message));
    REQUIRE(logits);
    if (at + here > kTokens - kOut) out.insert(out.end(), logits->begin(), logits->end());
  }
  return out;
}

/// A chain of roundings per layer: six products in a row, each a sum of up to 128 terms whose
/// errors add up like a random walk (sqrt(128) * 2^-24), in units of the logits' size.
double tolerance(const Case& one, double largest) {
  return 6 * one.layers * std::sqrt(128.0) * 0x1p-24 * largest;
}

/// The exported file holds the tensors of the file the model came from, each under its name there.
void check_export(const std::filesystem::path& source, const std::filesystem::path& cartridge,
                  const std::filesystem::path& exported) {
  const auto opened = cartridges::Cartridge::open(cartridge);
  REQUIRE(opened);
  REQUIRE(cartridges::export_gguf(*opened, exported));
  const ByteVector before_bytes = read_file(source).value();
  const ByteVector after_bytes = read_file(exported).value();
  const auto before = cartridges::GgufFile::parse(before_bytes);
  const auto after = cartridges::GgufFile::parse(after_bytes);
  REQUIRE(before);
  REQUIRE(after);
  CHECK(before->tensors().size() == after->tensors().size());
  for (const cartridges::GgufTensor& tensor : before->tensors()) {
    INFO(tensor.name);
    const cartridges::GgufTensor* found = after->find_tensor(tensor.name);
    REQUIRE(found != nullptr);
    CHECK(found->shape() == tensor.shape());
    CHECK(found->dtype == tensor.dtype);
    const Bytes a = before->tensor_bytes(tensor), b = after->tensor_bytes(*found);
    CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  }
}

TEST_CASE("Every forward program gives the logits of its equations", "[e2e][forward]") {
  if (std::string_view(PXOS_NUMPY_PYTHON).empty()) {
    test::skip("no Python with numpy (python3-numpy)");
    return;
  }
  for (const Case& one : kCases) {
    INFO(one.name);
    test::TempFolder folder;
    const std::vector<double> expected = make_case(one.name, folder);
    test::ModelOptions options;
    options.as_f32 = true;  // f32 weights and caches: what is left is the order of the sums
    test::Model model(folder / "model.gguf", options);
    check_export(folder / "model.gguf", model.cartridge(), folder / "exported.gguf");
    model.with([&](hypervisor::Mount& mount) -> Result<void> {
      CHECK(mount.machine().linked().program().name == one.program);
      const std::vector<float> found = logits_of(mount, kTokens);
      REQUIRE(found.size() == expected.size());
      double worst = 0, largest = 0;
      for (std::size_t i = 0; i < found.size(); ++i) {
        worst = std::max(worst, std::abs(expected[i] - static_cast<double>(found[i])));
        largest = std::max(largest, std::abs(expected[i]));
      }
      INFO(worst << " of " << largest);
      CHECK(largest > 0.5);  // or the comparison says nothing
      CHECK(worst < tolerance(one, largest));
      for (const std::int64_t piece : {1, 7, 70}) {
        INFO("in pieces of " << piece);
        CHECK(test::logit_hash(logits_of(mount, piece)) == test::logit_hash(found));
      }
      return {};
    });
  }
}

}  // namespace
}  // namespace pxos
