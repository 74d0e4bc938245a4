// The worked example of docs/spec/pxi_llm.md: its bytes are those of a cartridge made now.
// PXOS_REBASE=1 writes the document's blocks anew.

#include "cartridges/cartridge.hpp"
#include "cartridges/import/import.hpp"
#include "pixelfs/sheet.hpp"
#include "pxvm/base/file.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/temp_folder.hpp"

#include <cstdlib>
#include <sstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace pxos::cartridges {
namespace {

Cartridge tiny_cartridge(const test::TempFolder& folder) {
  test::TinyLlama model;
  model.matrix_type = 8;
  ImportOptions options;
  options.output = folder / "m.pxa";
  options.find_program = test::fake_program;
  const auto report = import_model(folder.write("m.gguf", model.build()), options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  return Cartridge::open(options.output).value();
}

/// "```hex ENTRY OFFSET COUNT": bytes of an entry. The offset "second-scanline" is the payload
/// behind the directory of a sheet with one directory line.
std::string bytes_text(const Cartridge& cartridge, const std::string& info) {
  std::istringstream words(info);
  std::string fence, entry, offset;
  std::size_t count = 0;
  words >> fence >> entry >> offset >> count;
  const ManifestEntry* found = cartridge.find(entry);
  REQUIRE(found != nullptr);
  const Bytes file = cartridge.bytes(*found);
  Bytes bytes;
  if (offset == "second-scanline") {
    const pixelfs::Sheet sheet = pixelfs::Sheet::open(file).value();
    bytes = sheet.scanline(1);
  } else {
    bytes = file.subspan(std::stoul(offset));
  }
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += fmt::format("{:02x}{}", bytes[i], i % 16 == 15 || i + 1 == count ? "\n" : " ");
  return out;
}

}  // namespace

TEST_CASE("the worked example of PXI-LLM has the bytes of a real cartridge", "[spec]") {
  const test::TempFolder folder;
  const Cartridge cartridge = tiny_cartridge(folder);
  const auto path = test::source_folder() / "docs/spec/pxi_llm.md";
  const ByteVector document = read_file(path).value();
  std::istringstream lines{std::string(as_text(document))};
  std::string written;
  std::size_t blocks = 0;
  for (std::string line; std::getline(lines, line);) {
    written += line + "\n";
    if (!line.starts_with("```hex ")) continue;
    ++blocks;
    const std::string expected = bytes_text(cartridge, line);
    std::string found;
    for (std::string row; std::getline(lines, row) && row != "```";) found += row + "\n";
    if (std::getenv("PXOS_REBASE") == nullptr) {
      INFO(line);
      CHECK(found == expected);
    }
    written += expected + "```\n";
  }
  CHECK(blocks == 3);
  if (std::getenv("PXOS_REBASE") != nullptr) REQUIRE(write_file_atomic(path, as_bytes(written)));
}

TEST_CASE("the example's manifest is the cartridge's", "[spec]") {
  const test::TempFolder folder;
  const Cartridge cartridge = tiny_cartridge(folder);
  const ByteVector file = read_file(test::source_folder() / "docs/spec/pxi_llm.md").value();
  const std::string text(as_text(file));
  const std::size_t start = text.find("```json\n") + 8;
  const auto shown = nlohmann::json::parse(text.substr(start, text.find("```", start) - start));
  const auto real = nlohmann::json::parse(manifest_json(cartridge.manifest()));
  for (const auto& [key, value] : shown.items()) {
    INFO(key);
    CHECK(real.at(key) == value);
  }
}

}  // namespace pxos::cartridges
