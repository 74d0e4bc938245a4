#include "cartridges/import/model_entries.hpp"

#include "cartridges/import/gguf.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using pxos::Errc;
using pxos::cartridges::add_program;
using pxos::cartridges::add_sheets;
using pxos::cartridges::Cartridge;
using pxos::cartridges::CartridgeWriter;
using pxos::cartridges::check_options;
using pxos::cartridges::ImportOptions;

namespace {

ImportOptions to(const std::filesystem::path& output) {
  ImportOptions options;
  options.output = output;
  options.find_program = pxos::test::fake_program;
  return options;
}

}  // namespace

TEST_CASE("Import options are checked before anything is read", "[import]") {
  const pxos::test::TempFolder folder;
  CHECK(check_options(to(folder / "a.pxa")).has_value());
  CHECK(check_options(to("")).error().code == Errc::kUsage);
  ImportOptions options = to(folder / "a.pxa");
  options.name = "Bad Name";
  CHECK(check_options(options).error().code == Errc::kInvalid);
  options = to(folder / "a.pxa");
  options.as_dtype = pxos::tensor::DType::kQ4_0;
  CHECK(check_options(options).has_value());
  options.as_dtype = pxos::tensor::DType::kI32;
  CHECK(check_options(options).error().code == Errc::kUnsupported);
  options = to(folder.write("used.pxa", std::string_view("x")));
  CHECK(check_options(options).error().code == Errc::kUsage);
  options.overwrite = true;
  CHECK(check_options(options).has_value());
}

TEST_CASE("Sheets and program become entries; progress reaches the total", "[import]") {
  const pxos::test::TempFolder folder;
  pxos::pixelfs::TensorInput input;
  input.name = "w";
  input.shape = {40, 50};
  input.read_canonical = [](std::uint64_t, pxos::MutBytes out) -> pxos::Result<void> {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    return {};
  };
  auto writer = CartridgeWriter::create(folder / "a.pxa");
  REQUIRE(writer.has_value());
  REQUIRE(add_program(*writer, pxos::test::fake_program("p").value()).has_value());
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  const std::vector<pxos::pixelfs::TensorInput> inputs{input};
  const auto progress = [&](std::uint64_t done, std::uint64_t all) {
    CHECK(done >= last);
    last = done;
    total = all;
  };
  REQUIRE(add_sheets(*writer, inputs, progress).has_value());
  CHECK(last == total);
  CHECK(total >= 40 * 50 * 4);
  pxos::cartridges::Manifest manifest;
  manifest.name = "m";
  pxos::cartridges::ImportReport report;
  ImportOptions options = to(folder / "a.pxa");
  options.created = "2025-01-01T00:00:00Z";
  REQUIRE(finish_import(*std::move(writer), manifest, options, report).has_value());
  CHECK(report.manifest.created == options.created);
  const auto cartridge = Cartridge::open(folder / "a.pxa");
  REQUIRE(cartridge.has_value());
  CHECK(cartridge->find("p.pxi") != nullptr);
  CHECK(cartridge->find("p.pxasm") != nullptr);
  CHECK(cartridge->find("f32.0.pxi") != nullptr);
}

TEST_CASE("More disk or memory than there is is refused with both numbers", "[import]") {
  const pxos::test::TempFolder folder;
  CHECK(pxos::cartridges::check_room(folder / "a.pxa", 1).has_value());
  const auto room = pxos::cartridges::check_room(folder / "a.pxa", ~std::uint64_t{0});
  CHECK(room.error().code == Errc::kLimit);
  CHECK_THAT(room.error().message, Catch::Contains("18446744073709 MB of disk"));
  CHECK(pxos::cartridges::check_memory(1).has_value());
  CHECK(pxos::cartridges::check_memory(~std::uint64_t{0}).error().code == Errc::kLimit);
}

TEST_CASE("The metadata entry is a GGUF file without tensors", "[import]") {
  pxos::cartridges::Metadata data;
  data.set_text("general.architecture", "x");
  data.set_integers("x.list", std::vector<std::int32_t>{1, 2});
  const pxos::ByteVector bytes = pxos::cartridges::metadata_entry(data);
  const auto file = pxos::cartridges::GgufFile::parse(bytes);
  REQUIRE(file.has_value());
  CHECK(file->tensors().empty());
  CHECK(file->text("general.architecture").value() == "x");
  CHECK(file->integers("x.list").value() == std::vector<std::int64_t>{1, 2});
}
