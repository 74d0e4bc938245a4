// gpt-nano-sort, a trained GPT-2 of 85 296 numbers that sorts six letters: real weights for
// gpt2.pxasm, with the activations that PyTorch had at every step.

#include "assembler/assembler.hpp"
#include "pixelfs/png.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/bytes.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/isa/image.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace pxos {
namespace {

using hypervisor::Mount;
using nlohmann::json;

constexpr std::size_t kLetters = 3, kSorted = 6, kPositions = 11;

ByteVector from_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  ByteVector out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;  // '='
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<std::uint8_t>(bits >> held & 0xFFU));
  }
  return out;
}

std::vector<float> floats_of(const json& tensor) {
  const ByteVector bytes = from_base64(tensor["data"].get<std::string>());
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

/// The model with all its tensors. The folder's safetensors leaves out the biases of q, k and v,
/// which the activations were made with: the original's JSON has them.
void write_complete(const std::filesystem::path& folder, const std::filesystem::path& out) {
  const json model = json::parse(test::read_text(folder / "gpt-nano-sort-model.json"));
  json header = json::object();
  ByteVector data;
  for (const auto& [name, tensor] : model.items()) {
    if (!tensor.is_object() || !tensor.contains("data") || name.ends_with(".attn.bias")) continue;
    const ByteVector bytes = from_base64(tensor["data"].get<std::string>());
    header[name] = {{"dtype", "F32"},
                    {"shape", tensor["shape"]},
                    {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data.insert(data.end(), bytes.begin(), bytes.end());
  }
  ByteWriter file;
  const std::string text = header.dump();
  file.u64(text.size());
  file.bytes(as_bytes(text));
  file.bytes(data);
  REQUIRE(write_file_atomic(out / "model.safetensors", file.view()));
  REQUIRE(
      write_file_atomic(out / "config.json", as_bytes(test::read_text(folder / "config.json"))));
}

/// gpt2.pxasm that stops after `layers` layers: then the activations are still those of the last.
Result<cartridges::ProgramSource> cut_program(int layers) {
  const programs::EmbeddedProgram* program = programs::find("gpt2");
  std::string text(program->source);
  const std::string loop = "br.lt     l, n_layer, layer";
  text.replace(text.find(loop), loop.size(), "br.lt     l, " + std::to_string(layers) + ", layer");
  PX_TRY(const auto verified,
         assembler::assemble_or_error({{"gpt2.pxasm", text}, programs::read_include, true}));
  PX_TRY(const isa::RgbImage image, isa::encode_program(verified.program()));
  PX_TRY(ByteVector png, pixelfs::encode_png({image.width, image.height, 3, image.rgb}));
  return cartridges::ProgramSource{"gpt2", std::move(png), text, {}};
}

test::ModelOptions exact() {
  test::ModelOptions options;
  options.as_f32 = true;
  options.ids_only = true;
  return options;
}

/// The largest difference to `expected`, and its largest number.
struct Difference {
  double worst = 0;
  double largest = 0;
};
Difference compare(const float* found, std::span<const float> expected) {
  Difference out;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto wanted = static_cast<double>(expected[i]);
    out.worst = std::max(out.worst, std::abs(static_cast<double>(found[i]) - wanted));
    out.largest = std::max(out.largest, std::abs(wanted));
  }
  return out;
}

/// Both sides round: sums of up to 192 products, up to six in a row a layer, three layers.
void check_close(const std::string& what, const Difference& difference) {
  INFO(what << ": " << difference.worst << " of " << difference.largest);
  CHECK(difference.largest > 0);
  CHECK(difference.worst < 2 * 18 * std::sqrt(192.0) * 0x1p-24 * std::max(1.0, difference.largest));
}

/// Row `sample` of a tensor [3, 11, n], or of one for all samples.
std::vector<float> sample_of(const json& tensor, std::size_t sample) {
  const std::vector<float> all = floats_of(tensor);
  const std::size_t size = all.size() / tensor["shape"][0].get<std::size_t>();
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(sample * size);
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

/// [heads, positions, 16] as our rows hold it: [positions, heads * 16].
std::vector<float> by_position(const std::vector<float>& heads) {
  constexpr std::size_t kHead = 16;
  const std::size_t count = heads.size() / (kPositions * kHead);
  std::vector<float> out(heads.size());
  for (std::size_t h = 0; h < count; ++h)
    for (std::size_t t = 0; t < kPositions; ++t)
      for (std::size_t i = 0; i < kHead; ++i)
        out[(t * count + h) * kHead + i] = heads[(h * kPositions + t) * kHead + i];
  return out;
}

void check_activation(Mount& mount, const char* tensor, const std::string& what,
                      const std::vector<float>& expected) {
  const auto memory = mount.machine().memory(tensor);
  REQUIRE(memory);
  REQUIRE(memory->size() >= expected.size() * sizeof(float));
  std::vector<float> found(expected.size());
  std::memcpy(found.data(), memory->data(), expected.size() * sizeof(float));
  check_close(what, compare(found.data(), expected));
}

std::vector<std::vector<std::int32_t>> samples(const json& partials) {
  const ByteVector bytes = from_base64(partials["idx"]["data"].get<std::string>());
  std::vector<std::vector<std::int32_t>> out(3, std::vector<std::int32_t>(kPositions));
  for (std::size_t i = 0; i < 3 * kPositions; ++i) {
    float id = 0;  // they are stored as f32 as well
    std::memcpy(&id, bytes.data() + i * sizeof id, sizeof id);
    out[i / kPositions][i % kPositions] = static_cast<std::int32_t>(id);
  }
  return out;
}

/// Greedy: six letters in, the six next ones out.
Result<std::vector<std::int32_t>> sorted_by(Mount& mount,
                                            const std::vector<std::int32_t>& letters) {
  mount.rewind(0);
  std::vector<std::int32_t> out;
  std::vector<std::int32_t> next = letters;
  while (out.size() < kSorted) {
    PX_TRY(const auto logits, mount.evaluate(next, 1));
    next = {
        static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin())};
    out.push_back(next[0]);
  }
  return out;
}

TEST_CASE("gpt-nano-sort has the reference's activations at every step", "[e2e][gpt2]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "models/gpt-nano-sort");
  const json partials = json::parse(test::read_text(folder / "gpt-nano-sort-t0-partials.json"));
  const auto inputs = samples(partials);
  test::TempFolder complete;
  write_complete(folder, complete.path());
  for (int layers = 1; layers <= 3; ++layers) {
    test::ModelOptions options = exact();
    options.find_program = [layers](std::string_view) { return cut_program(layers); };
    test::Model model(complete.path(), options);
    model.with([&](Mount& mount) -> Result<void> {
      for (std::size_t s = 0; s < inputs.size(); ++s) {
        INFO("sample " << s << ", " << layers << " layers");
        mount.rewind(0);
        PX_TRY(const auto logits, mount.evaluate(inputs[s], kPositions));
        const auto expected = [&](const char* name) { return sample_of(partials[name], s); };
        const std::string block = "block" + std::to_string(layers - 1);
        check_activation(mount, "x", block, expected(block.c_str()));
        if (layers == 1) {
          check_activation(mount, "q", "q", by_position(expected("q")));
          check_activation(mount, "k", "k", by_position(expected("k")));
          check_activation(mount, "v", "v", by_position(expected("v")));
          check_activation(mount, "mixed", "y", expected("y"));
          check_activation(mount, "xn", "ln2", expected("ln2"));
          check_activation(mount, "up", "gelu", expected("gelu"));
          check_activation(mount, "delta", "mlp", expected("mlp"));
        } else if (layers == 3) {
          check_activation(mount, "last_n", "ln_f", expected("ln_f"));
          check_close("lm_head", compare(logits.data(), expected("lm_head")));
        }
      }
      return {};
    });
  }
}

TEST_CASE("gpt-nano-sort sorts", "[e2e][gpt2]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "models/gpt-nano-sort");
  test::Model model(folder, exact());
  model.with([&](Mount& mount) -> Result<void> {
    int right = 0, all = 0;
    for (std::size_t code = 0; code < 729; ++code) {  // 3^6
      std::vector<std::int32_t> letters;
      for (std::size_t rest = code; letters.size() < kSorted; rest /= kLetters)
        letters.push_back(static_cast<std::int32_t>(rest % kLetters));
      PX_TRY(const auto found, sorted_by(mount, letters));
      std::sort(letters.begin(), letters.end());
      right += found == letters ? 1 : 0;
      ++all;
    }
    INFO(right << " of " << all);
    CHECK(right == all);
    return {};
  });
}

}  // namespace
}  // namespace pxos
