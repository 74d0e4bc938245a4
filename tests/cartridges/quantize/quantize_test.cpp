#include "cartridges/quantize/quantize.hpp"

#include "cartridges/import/gguf.hpp"
#include "cartridges/import/import.hpp"
#include "cartridges/weights.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/temp_folder.hpp"

#include <cmath>

#include <catch2/catch.hpp>

namespace pxos::cartridges {
namespace {

using tensor::DType;
using test::TempFolder;

Cartridge import_to(const std::filesystem::path& gguf, const std::filesystem::path& output) {
  ImportOptions options;
  options.output = output;
  options.find_program = test::fake_program;
  const auto report = import_model(gguf, options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  return Cartridge::open(output).value();
}

QuantizeReport quantize(const Cartridge& source, std::string_view recipe,
                        const std::filesystem::path& output, const Importance& importance = {}) {
  QuantizeOptions options;
  options.output = output;
  options.recipe = find_recipe(recipe).value();
  options.importance = importance;
  options.threads = 2;
  auto report = quantize_cartridge(source, options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  return *std::move(report);
}

ByteVector bytes_of(const pixelfs::WeightSet& weights, std::string_view name) {
  const pixelfs::WeightTensor* tensor = weights.find(name);
  REQUIRE(tensor != nullptr);
  ByteVector out(tensor->extent.canonical_bytes);
  REQUIRE(weights.read_canonical(*tensor, 0, out));
  return out;
}

/// How many values of two tensors' canonical bytes decode differently, in bytes that differ.
std::size_t different(Bytes a, Bytes b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 1U : 0U;
  return count;
}

ByteVector tiny_model() {
  test::TinyLlama model;
  model.seed = 3;
  return model.build();
}

struct Derived {
  const char* recipe;
  const char* file;
};

/// Bytes that differ, over all tensors, between our quantisation and another tool's file.
std::size_t compare(const Cartridge& source, const Derived& derived,
                    const std::filesystem::path& folder) {
  const TempFolder temp;
  quantize(source, derived.recipe, temp / "q.pxa");
  const Cartridge made = Cartridge::open(temp / "q.pxa").value();
  const pixelfs::WeightSet weights = open_weights(made).value();
  const ByteVector file = read_file(folder / derived.file).value();
  const GgufFile theirs = GgufFile::parse(file).value();
  std::size_t count = 0;
  for (const GgufTensor& tensor : theirs.tensors()) {
    INFO(derived.file << " " << tensor.name);
    const pixelfs::WeightTensor* ours = weights.find(tensor.name);
    REQUIRE(ours != nullptr);
    REQUIRE(tensor::info(ours->meta.dtype).text == tensor::info(tensor.dtype).text);
    count += different(bytes_of(weights, tensor.name), theirs.tensor_bytes(tensor));
  }
  return count;
}

}  // namespace

TEST_CASE("formats with a reference rounding give the bytes of the reference",
          "[quantize][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const TempFolder temp;
  const auto tiny = models / "TinyStories-656K-gguf/derived";
  const Cartridge source = import_to(tiny / "TinyStories-656K-F32-fixtok.gguf", temp / "t.pxa");
  constexpr Derived kExact[] = {{"f16", "TinyStories-656K-F16-fixtok.gguf"},
                                {"bf16", "TinyStories-656K-BF16-fixtok.gguf"},
                                {"q8_0", "TinyStories-656K-Q8_0-fixtok.gguf"},
                                {"q5_1", "TinyStories-656K-Q5_1-fixtok.gguf"},
                                {"q5_0", "TinyStories-656K-Q5_0-fixtok.gguf"},
                                {"q4_1", "TinyStories-656K-Q4_1-fixtok.gguf"},
                                {"q4_0", "TinyStories-656K-Q4_0-fixtok.gguf"},
                                {"q4_k_m", "TinyStories-656K-Q4_K_M-fixtok.gguf"}};
  for (const Derived& derived : kExact) {
    INFO(derived.file);
    CHECK(compare(source, derived, tiny) == 0);
  }
  // No rounding is defined for IQ4_NL; the same search gives the same bytes but for ties.
  CHECK(compare(source, {"iq4_nl", "TinyStories-656K-IQ4_NL-fixtok.gguf"}, tiny) < 200);
  const auto stories = models / "stories260K-gguf";
  const Cartridge small = import_to(stories / "stories260K.gguf", temp / "s.pxa");
  for (const Derived& derived :
       {Derived{"f16", "stories260K-F16.gguf"}, Derived{"q8_0", "stories260K-Q8_0.gguf"},
        Derived{"q4_0", "stories260K-Q4_0.gguf"}}) {
    INFO(derived.file);
    CHECK(compare(small, derived, stories / "derived") == 0);
  }
}

TEST_CASE("a quantised cartridge is the source with other weights", "[quantize]") {
  const TempFolder temp;
  const auto gguf = temp.write("m.gguf", tiny_model());
  const Cartridge source = import_to(gguf, temp / "m.pxa");
  const QuantizeReport report = quantize(source, "q8_0", temp / "q.pxa");
  const Cartridge made = Cartridge::open(temp / "q.pxa").value();
  REQUIRE(made.verify());
  CHECK(made.manifest().parent == to_hex(source.manifest_digest()));
  CHECK(made.manifest().integers == source.manifest().integers);
  CHECK(made.manifest().architecture == source.manifest().architecture);
  for (const ManifestEntry& entry : source.manifest().entries) {
    if (entry.kind == EntryKind::kSheet) continue;
    const ManifestEntry* copy = made.find(entry.name);
    REQUIRE(copy != nullptr);
    CHECK(copy->xxh3 == entry.xxh3);
  }
  const pixelfs::WeightSet before = open_weights(source).value();
  const pixelfs::WeightSet after = open_weights(made).value();
  REQUIRE(after.tensors().size() == before.tensors().size());
  std::uint64_t counted = 0;
  for (const auto& [dtype, type] : report.types) counted += type.tensors;
  CHECK(counted == before.tensors().size());
  for (const pixelfs::WeightTensor& tensor : before.tensors()) {
    INFO(tensor.meta.name);
    CHECK(after.find(tensor.meta.name)->meta.shape == tensor.meta.shape);
    CHECK(after.verify_tensor(*after.find(tensor.meta.name)));
    if (tensor.meta.layout == pixelfs::SheetLayout::kLinear)
      CHECK(bytes_of(after, tensor.meta.name) == bytes_of(before, tensor.meta.name));
  }
  CHECK_FALSE(std::filesystem::exists(temp / "q.pxa.parts"));
}

TEST_CASE("quantising to a tensor's own type keeps its bits", "[quantize]") {
  const TempFolder temp;
  const auto gguf = temp.write("m.gguf", tiny_model());
  const Cartridge source = import_to(gguf, temp / "m.pxa");
  quantize(source, "q4_0", temp / "a.pxa");
  const Cartridge once = Cartridge::open(temp / "a.pxa").value();
  quantize(once, "q4_0", temp / "b.pxa");
  const Cartridge twice = Cartridge::open(temp / "b.pxa").value();
  const pixelfs::WeightSet a = open_weights(once).value();
  const pixelfs::WeightSet b = open_weights(twice).value();
  for (const pixelfs::WeightTensor& tensor : a.tensors())
    CHECK(bytes_of(b, tensor.meta.name) == bytes_of(a, tensor.meta.name));
}

TEST_CASE("importance of another width is refused with both numbers", "[quantize]") {
  const TempFolder temp;
  const auto gguf = temp.write("m.gguf", tiny_model());
  const Cartridge source = import_to(gguf, temp / "m.pxa");
  QuantizeOptions options;
  options.output = temp / "q.pxa";
  options.recipe = find_recipe("q4_0").value();
  options.importance.mean_squares["blk.0.attn_q.weight"] = {1, 2, 3};
  const auto refused = quantize_cartridge(source, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("blk.0.attn_q.weight: 3 columns") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(temp / "q.pxa"));
  options.importance = {};
  REQUIRE(quantize_cartridge(source, options));
  CHECK(quantize_cartridge(source, options).error().code == Errc::kUsage);  // exists now
}

}  // namespace pxos::cartridges
