#include "cartridges/import/import.hpp"

#include "cartridges/import/gguf.hpp"
#include "pixelfs/sheet.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "pxvm/text/vocabulary.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/temp_folder.hpp"

#include <cstring>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::Errc;
using pxos::cartridges::Cartridge;
using pxos::cartridges::EntryKind;
using pxos::cartridges::GgufFile;
using pxos::cartridges::import_model;
using pxos::cartridges::ImportOptions;
using pxos::test::TempFolder;
using pxos::test::TinyLlama;

namespace {

ImportOptions to(const std::filesystem::path& output) {
  ImportOptions options;
  options.output = output;
  options.find_program = pxos::test::fake_program;
  return options;
}

pxos::pixelfs::WeightSet weights_of(const Cartridge& cartridge) {
  std::vector<pxos::pixelfs::Sheet> sheets;
  for (const auto* entry : cartridge.of_kind(EntryKind::kSheet)) {
    auto sheet = pxos::pixelfs::Sheet::open(cartridge.bytes(*entry));
    REQUIRE(sheet.has_value());
    CHECK(sheet->in_place());
    sheets.push_back(*std::move(sheet));
  }
  auto weights = pxos::pixelfs::WeightSet::open(std::move(sheets));
  REQUIRE(weights.has_value());
  return *std::move(weights);
}

/// Every tensor of the cartridge gives back the file's bytes: exactly, or as f32 of them.
void check_weights(const GgufFile& file, const Cartridge& cartridge, bool as_f32) {
  const auto weights = weights_of(cartridge);
  REQUIRE(weights.tensors().size() == file.tensors().size());
  for (const auto& tensor : file.tensors()) {
    const auto* stored = weights.find(tensor.name);
    REQUIRE(stored != nullptr);
    CHECK(stored->meta.shape == tensor.shape());
    ByteVector canonical(stored->extent.canonical_bytes);
    REQUIRE(weights.read_canonical(*stored, 0, canonical).has_value());
    const pxos::Bytes source = file.tensor_bytes(tensor);
    if (!as_f32) {
      CHECK(stored->meta.dtype == tensor.dtype);
      CHECK(std::equal(canonical.begin(), canonical.end(), source.begin(), source.end()));
      continue;
    }
    std::vector<float> values(tensor.elements());
    pxos::tensor::dequantize_row(tensor.dtype, source, values);
    REQUIRE(canonical.size() == values.size() * 4);
    CHECK(std::memcmp(canonical.data(), values.data(), canonical.size()) == 0);
  }
}

/// Imports a changed file and gives the one-line reason it was refused.
std::string refusal(const TinyLlama& model) {
  const TempFolder folder;
  const auto path = folder.write("tiny.gguf", model.build());
  const auto report = import_model(path, to(folder / "out.pxa"));
  REQUIRE_FALSE(report.has_value());
  REQUIRE_FALSE(std::filesystem::exists(folder / "out.pxa"));
  REQUIRE(report.error().message.find('\n') == std::string::npos);
  return report.error().message;
}

}  // namespace

TEST_CASE("A llama file becomes a cartridge that says what it is", "[import]") {
  const TempFolder folder;
  const auto path = folder.write("tiny.gguf", TinyLlama{}.build());
  const auto report = import_model(path, to(folder / "out.pxa"));
  REQUIRE(report.has_value());
  CHECK(report->tensors == 11);
  CHECK(report->cartridge_bytes == std::filesystem::file_size(folder / "out.pxa"));
  const auto cartridge = Cartridge::open(folder / "out.pxa");
  REQUIRE(cartridge.has_value());
  CHECK(cartridge->verify().has_value());
  const auto& manifest = cartridge->manifest();
  CHECK(manifest.name == "tiny-llama");
  CHECK(manifest.title == "Tiny Llama");
  CHECK(manifest.licence == "mit");
  CHECK(manifest.architecture == "llama");
  CHECK(manifest.chat_template == "{{ messages[0]['content'] }}");
  CHECK(manifest.stop_tokens == std::vector<std::int32_t>{2, 8});
  CHECK(manifest.sampling.temperature == 0.0);
  const std::map<std::string, std::int64_t> integers{
      {"ctx", 128}, {"dim", 32},    {"ffn_dim", 64},   {"head_dim", 16},    {"n_head", 2},
      {"n_kv", 1},  {"n_layer", 1}, {"rope_dims", 16}, {"rope_pairing", 0}, {"vocab", 9}};
  CHECK(manifest.integers == integers);
  CHECK(manifest.reals.at("rms_eps") == static_cast<double>(1e-5F));
  CHECK(manifest.reals.at("rope_base") == 10000.0);
  CHECK(manifest.parameter_count == 9 * 32 + 32 * 3 + 32 * 32 * 2 + 16 * 32 * 2 + 64 * 32 * 3);
  CHECK(cartridge->find("llama.pxi")->kind == EntryKind::kProgram);
  CHECK(cartridge->find("llama.pxasm")->kind == EntryKind::kSource);
  const auto tokenizers = cartridge->of_kind(EntryKind::kTokenizer);
  REQUIRE(tokenizers.size() == 1);
  const auto vocabulary = pxos::text::parse_vocabulary(cartridge->bytes(*tokenizers[0]));
  REQUIRE(vocabulary.has_value());
  CHECK(vocabulary->tokens == TinyLlama{}.tokens);
  CHECK_FALSE(vocabulary->pad.has_value());
  CHECK(vocabulary->add_bos);
}

TEST_CASE("Weights are stored bit-exactly, or dequantised when asked", "[import]") {
  for (const std::uint32_t type : {0U, 8U}) {
    TinyLlama model;
    model.matrix_type = type;
    const TempFolder folder;
    const ByteVector bytes = model.build();
    const auto path = folder.write("tiny.gguf", bytes);
    const auto file = GgufFile::parse(bytes);
    REQUIRE(file.has_value());
    REQUIRE(import_model(path, to(folder / "exact.pxa")).has_value());
    check_weights(*file, Cartridge::open(folder / "exact.pxa").value(), false);
    ImportOptions options = to(folder / "f32.pxa");
    options.as_dtype = pxos::tensor::DType::kF32;
    REQUIRE(import_model(path, options).has_value());
    check_weights(*file, Cartridge::open(folder / "f32.pxa").value(), true);
    // Caches in f32 go with weights in f32; other cartridges leave the choice to the program.
    CHECK(Cartridge::open(folder / "f32.pxa")->manifest().integers.at("kv_bits") == 32);
    CHECK_FALSE(Cartridge::open(folder / "exact.pxa")->manifest().integers.contains("kv_bits"));
    ImportOptions small = to(folder / "q8.pxa");
    small.kv_bits = 8;
    REQUIRE(import_model(path, small).has_value());
    CHECK(Cartridge::open(folder / "q8.pxa")->manifest().integers.at("kv_bits") == 8);
  }
}

TEST_CASE("Importing twice gives the same bytes; an output is replaced only when asked",
          "[import]") {
  const TempFolder folder;
  const auto path = folder.write("tiny.gguf", TinyLlama{}.build());
  REQUIRE(import_model(path, to(folder / "a.pxa")).has_value());
  REQUIRE(import_model(path, to(folder / "b.pxa")).has_value());
  CHECK(pxos::read_file(folder / "a.pxa").value() == pxos::read_file(folder / "b.pxa").value());
  CHECK(import_model(path, to(folder / "a.pxa")).error().code == Errc::kUsage);
  ImportOptions options = to(folder / "a.pxa");
  options.overwrite = true;
  options.name = "renamed";
  REQUIRE(import_model(path, options).has_value());
  CHECK(Cartridge::open(folder / "a.pxa")->manifest().name == "renamed");
}

TEST_CASE("What the program does not do is refused by name", "[import]") {
  TinyLlama model;
  model.architecture = "mamba";
  CHECK_THAT(refusal(model), Contains("\"mamba\" is not supported yet"));
  model = {};
  const auto with = [&](std::function<void(pxos::test::GgufBuilder&)> extra) {
    model.extra = std::move(extra);
    return refusal(model);
  };
  CHECK_THAT(with([](auto& f) { f.key_text("llama.rope.scaling.type", "su"); }), Contains("su"));
  CHECK_THAT(with([](auto& f) { f.key_u32("llama.expert_count", 8); }), Contains("expert_count"));
  CHECK_THAT(with([](auto& f) { f.tensor("rope_freqs.weight", {8}, 0, ByteVector(32)); }),
             Contains("rope_freqs.weight: factor 0 is 0"));
  CHECK_THAT(with([](auto& f) { f.tensor("blk.0.attn_q.bias", {32}, 0, ByteVector(128)); }),
             Contains("blk.0.attn_q.bias"));
}

TEST_CASE("Hyper-parameters that disagree with tensors are refused", "[import]") {
  const auto changed = [](auto change) {
    TinyLlama model;
    change(model);
    return refusal(model);
  };
  CHECK_THAT(changed([](TinyLlama& m) { m.heads = 3; }), Contains("not a multiple"));
  CHECK_THAT(changed([](TinyLlama& m) { m.rope = 17; }), Contains("dimension_count 17"));
  CHECK_THAT(changed([](TinyLlama& m) { m.rope = 18; }), Contains("dimension_count 18"));
  CHECK_THAT(changed([](TinyLlama& m) { m.context = 0; }), Contains("context_length"));
  CHECK_THAT(
      changed([](TinyLlama& m) { m.extra = [](auto& f) { f.key_u32("llama.vocab_size", 10); }; }),
      Contains("vocab_size 10"));
  CHECK_THAT(changed([](TinyLlama& m) {
               m.extra = [](auto& f) { f.tensor("output.weight", {32, 8}, 0, ByteVector(1024)); };
             }),
             Contains("output.weight: shape [8, 32], the hyper-parameters say [9, 32]"));
  CHECK_THAT(changed([](TinyLlama& m) { m.scores.pop_back(); }), Contains("8 values for 9 tokens"));
  CHECK_THAT(changed([](TinyLlama& m) { m.types[3] = 7; }), Contains("token 3 has type 7"));
  CHECK_THAT(changed([](TinyLlama& m) { m.tokens[6] = "<0xZZ>"; }), Contains("token"));
}

TEST_CASE("Imports of other files, and without a program, are refused", "[import]") {
  const TempFolder folder;
  const auto text = folder.write("a.txt", std::string_view("hello"));
  CHECK_THAT(import_model(text, to(folder / "a.pxa")).error().message,
             Contains("expected a GGUF file"));
  const auto path = folder.write("tiny.gguf", TinyLlama{}.build());
  ImportOptions options = to(folder / "a.pxa");
  options.find_program = [](std::string_view) -> pxos::Result<pxos::cartridges::ProgramSource> {
    return pxos::fail(Errc::kNotFound, "no such program");
  };
  CHECK_THAT(import_model(path, options).error().message, Contains("no such program"));
  options.find_program = nullptr;
  CHECK(import_model(path, options).error().code == Errc::kUsage);
  CHECK(import_model(folder / "absent", to(folder / "a.pxa")).error().code == Errc::kNotFound);
  CHECK_FALSE(std::filesystem::exists(folder / "a.pxa"));
}

TEST_CASE("Damaged llama files are refused or imported whole", "[import]") {
  const TempFolder folder;
  const ByteVector bytes = TinyLlama{}.build();
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto path = folder.write("damaged.gguf", pxos::test::mutate(bytes, i));
    ImportOptions options = to(folder / "out.pxa");
    options.overwrite = true;
    if (!import_model(path, options)) continue;
    const auto cartridge = Cartridge::open(folder / "out.pxa");
    REQUIRE(cartridge.has_value());
    REQUIRE(weights_of(*cartridge).verify().has_value());
  }
}

TEST_CASE("The recorded models import bit-exactly", "[import][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const std::vector<std::string> names{
      "stories260K-gguf/stories260K.gguf",
      "stories260K-gguf/derived/stories260K-Q8_0.gguf",
      "TinyStories-656K-gguf/TinyStories-656K-Q8_0.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-F16-fixtok.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-BF16-fixtok.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-Q4_0-fixtok.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-Q4_1-fixtok.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-Q5_0-fixtok.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-Q5_1-fixtok.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-IQ4_NL-fixtok.gguf",
      "TinyStories-656K-gguf/derived/TinyStories-656K-Q4_K_M-fixtok.gguf"};
  const TempFolder folder;
  for (const std::string& name : names) {
    CAPTURE(name);
    const ByteVector bytes = pxos::read_file(models / name).value();
    const auto file = GgufFile::parse(bytes);
    REQUIRE(file.has_value());
    for (const bool as_f32 : {false, true}) {
      ImportOptions options = to(folder / "m.pxa");
      options.overwrite = true;
      if (as_f32) options.as_dtype = pxos::tensor::DType::kF32;
      REQUIRE(import_model(models / name, options).has_value());
      const auto cartridge = Cartridge::open(folder / "m.pxa");
      REQUIRE(cartridge.has_value());
      CHECK(cartridge->verify().has_value());
      check_weights(*file, *cartridge, as_f32);
    }
  }
}
