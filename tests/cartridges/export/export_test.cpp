#include "cartridges/export/export.hpp"

#include "cartridges/export/gguf_writer.hpp"
#include "cartridges/import/gguf.hpp"
#include "cartridges/import/gguf_vocabulary.hpp"
#include "pxvm/base/file.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::Errc;
using pxos::test::GgufBuilder;
using pxos::test::TempFolder;
using pxos::test::TinyLlama;
using namespace pxos::cartridges;

namespace {

/// Imports `gguf` to folder/NAME.
Cartridge imported(const TempFolder& folder, pxos::Bytes gguf, const std::string& name) {
  const auto path = folder.write(name + ".gguf", gguf);
  ImportOptions options;
  options.output = folder / (name + ".pxa");
  options.find_program = pxos::test::fake_program;
  const auto report = import_model(path, options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  return Cartridge::open(options.output).value();
}

TinyLlama tiny(const std::string& architecture, std::uint32_t matrix_type) {
  TinyLlama model;
  model.architecture = architecture;
  model.matrix_type = matrix_type;
  model.layers = 2;
  return model;
}

ByteVector copy(pxos::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("Exported tensors are the bytes of the original file", "[export]") {
  for (const std::uint32_t type : {0U, 8U}) {
    const TempFolder folder;
    const ByteVector gguf = tiny("qwen2", type).build();
    const Cartridge cartridge = imported(folder, gguf, "m");
    const auto report = export_tensors(cartridge, folder / "out");
    INFO((report ? "" : report.error().message));
    REQUIRE(report);
    const auto source = GgufFile::parse(gguf).value();
    CHECK(report->tensors == source.tensors().size());
    for (const GgufTensor& tensor : source.tensors()) {
      const auto file =
          folder / "out" / (tensor.name + "." + std::string(pxos::tensor::info(tensor.dtype).text));
      INFO(file.string());
      CHECK(pxos::read_file(file).value() == copy(source.tensor_bytes(tensor)));
    }
    CHECK(std::filesystem::exists(folder / "out" / "index.json"));
    CHECK(export_tensors(cartridge, folder / "out").error().code == Errc::kUsage);
  }
}

TEST_CASE("An exported GGUF file imports to the same cartridge", "[export]") {
  for (const std::string architecture : {"llama", "qwen2"}) {
    const TempFolder folder;
    const ByteVector gguf = tiny(architecture, 8).build();
    const Cartridge first = imported(folder, gguf, "first");
    const auto report = export_gguf(first, folder / "out.gguf");
    INFO((report ? "" : report.error().message));
    REQUIRE(report);
    const ByteVector written = pxos::read_file(folder / "out.gguf").value();
    const auto file = GgufFile::parse(written).value();
    const auto source = GgufFile::parse(gguf).value();
    CHECK(gguf_vocabulary(file).value() == gguf_vocabulary(source).value());
    const Cartridge second = imported(folder, written, "second");
    // Same sheets, program, tokenizer and hyper-parameters: the same logits.
    CHECK(second.manifest().integers == first.manifest().integers);
    CHECK(second.manifest().reals == first.manifest().reals);
    CHECK(second.manifest().chat_template == first.manifest().chat_template);
    CHECK(second.manifest().stop_tokens == first.manifest().stop_tokens);
    REQUIRE(second.manifest().entries.size() == first.manifest().entries.size());
    for (const ManifestEntry& entry : first.manifest().entries) {
      INFO(entry.name);
      REQUIRE(second.find(entry.name) != nullptr);
      CHECK(second.find(entry.name)->blake3 == entry.blake3);
    }
  }
}

TEST_CASE("Damage anywhere in a sheet is refused, or was outside the weights", "[export]") {
  const TempFolder folder;
  const Cartridge cartridge = imported(folder, tiny("llama", 8).build(), "m");
  REQUIRE(export_gguf(cartridge, folder / "whole.gguf"));
  const ByteVector whole = pxos::read_file(folder / "whole.gguf").value();
  const ByteVector original = pxos::read_file(folder / "m.pxa").value();
  const ManifestEntry* sheet = cartridge.find("q8_0.0.pxi");
  REQUIRE(sheet != nullptr);
  int found = 0;
  for (std::uint64_t at = 0; at < sheet->size; at += 997) {
    ByteVector bytes = original;
    bytes[sheet->offset + at] ^= 1;
    const auto damaged = Cartridge::from_bytes(bytes, "damaged");
    REQUIRE(damaged);
    const auto path = folder / "d.gguf";
    const auto report = export_gguf(*damaged, path);
    if (report) {
      CHECK(pxos::read_file(path).value() == whole);
    } else {
      CHECK_FALSE(std::filesystem::exists(path));
      found += report.error().message.find("digest") != std::string::npos ? 1 : 0;
    }
    std::filesystem::remove(path);
  }
  CHECK(found > 5);
}

TEST_CASE("An exported file says what its source said, also what nobody here reads", "[export]") {
  const TempFolder folder;
  TinyLlama model = tiny("llama", 8);
  model.extra = [](GgufBuilder& file) {
    file.key_u32("general.file_type", 7);
    file.key_texts("general.tags", std::vector<std::string>{"x", "y"});
    file.key_f32("someone.else", 0.1F);
  };
  const ByteVector gguf = model.build();
  const Cartridge cartridge = imported(folder, gguf, "m");
  REQUIRE(export_gguf(cartridge, folder / "out.gguf"));
  const ByteVector written = pxos::read_file(folder / "out.gguf").value();
  const auto file = GgufFile::parse(written).value();
  const auto source = GgufFile::parse(gguf).value();
  CHECK(file.metadata().size() == source.metadata().size());
  for (const auto& [key, value] : source.metadata()) {
    CAPTURE(key);
    const auto found = file.metadata().find(key);
    REQUIRE(found != file.metadata().end());
    CHECK(found->second.type == value.type);
    pxos::cartridges::GgufWriter left;
    pxos::cartridges::GgufWriter right;
    left.value(key, value);
    right.value(key, found->second);
    CHECK(left.front() == right.front());
  }
}

TEST_CASE("A model without text is exported without a tokenizer", "[export]") {
  const TempFolder folder;
  TinyLlama model = tiny("llama", 8);
  model.tokenizer = "none";
  const ByteVector gguf = model.build();
  const Cartridge cartridge = imported(folder, gguf, "m");
  CHECK(cartridge.of_kind(pxos::cartridges::EntryKind::kTokenizer).empty());
  REQUIRE(export_gguf(cartridge, folder / "out.gguf"));
  const Cartridge again = imported(folder, pxos::read_file(folder / "out.gguf").value(), "again");
  CHECK(again.of_kind(pxos::cartridges::EntryKind::kTokenizer).empty());
}
