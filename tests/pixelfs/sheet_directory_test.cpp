#include "pixelfs/sheet_directory.hpp"

#include "pxvm/base/file.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::SheetLayout;
using pixelfs::TensorMeta;
using tensor::DType;

namespace {

pixelfs::Directory sample() {
  pixelfs::Directory d;
  d.dtype = DType::kF16;
  d.directory_scanlines = 1;
  d.scanlines = 4;
  d.width = 1024;
  d.unit_bytes = 1024;
  d.units_per_line = 3;
  d.count = 1;
  pixelfs::SheetEntry e;
  e.meta = {"a.weight", DType::kF16, SheetLayout::kPacked16, {40, 70}, {}};
  e.extent = *pixelfs::tensor_extent(e.meta);
  e.digest = {1, 2};
  e.group_count = e.extent.groups;
  d.entries.push_back(e);
  return d;
}

Errc code_of(const TensorMeta& meta) {
  const auto extent = pixelfs::tensor_extent(meta);
  REQUIRE_FALSE(extent);
  return extent.error().code;
}

}  // namespace

TEST_CASE("extents follow the layout", "[pixelfs]") {
  const auto packed =
      pixelfs::tensor_extent({"t", DType::kQ8_0, SheetLayout::kPacked16, {3, 5, 96}, {}});
  REQUIRE(packed);
  REQUIRE(packed->rows == 15);
  REQUIRE(packed->cols == 96);
  REQUIRE(packed->canonical_bytes == 15 * 3 * 34);
  REQUIRE(packed->units_per_group == 3);
  REQUIRE(packed->groups == 1);
  const auto turned =
      pixelfs::tensor_extent({"t", DType::kF32, SheetLayout::kPacked16Transposed, {70, 33}, {}});
  REQUIRE(turned->rows == 33);
  REQUIRE(turned->cols == 70);
  REQUIRE(turned->units_per_group == 3);
  REQUIRE(turned->groups == 3);
  const auto linear = pixelfs::tensor_extent({"t", DType::kI32, SheetLayout::kLinear, {129}, {}});
  REQUIRE(linear->groups == 2);  // 516 bytes in units of 512
}

TEST_CASE("extents refuse bad names, shapes, layouts and sizes", "[pixelfs]") {
  const auto layout = SheetLayout::kPacked16;
  REQUIRE(code_of({"", DType::kF32, layout, {1}, {}}) == Errc::kInvalid);
  REQUIRE(code_of({std::string(2000, 'x'), DType::kF32, layout, {1}, {}}) == Errc::kInvalid);
  REQUIRE(code_of({"t", DType::kF32, layout, {}, {}}) == Errc::kInvalid);
  REQUIRE(code_of({"t", DType::kF32, layout, std::vector<std::int64_t>(9, 1), {}}) ==
          Errc::kInvalid);
  REQUIRE(code_of({"t", DType::kF32, layout, {4, 0}, {}}) == Errc::kInvalid);
  REQUIRE(code_of({"t", DType::kF32, layout, {4, -1}, {}}) == Errc::kInvalid);
  REQUIRE(code_of({"t", DType::kQ8_0, layout, {4, 33}, {}}) == Errc::kInvalid);
  REQUIRE(code_of({"t", DType::kI32, layout, {4, 4}, {}}) == Errc::kUnsupported);
  REQUIRE(code_of({"t", DType::kQ8_0, SheetLayout::kPacked16Transposed, {32, 32}, {}}) ==
          Errc::kUnsupported);
  const std::int64_t big = std::int64_t{1} << 32;
  REQUIRE(code_of({"t", DType::kF32, layout, {big, big}, {}}) == Errc::kLimit);
  REQUIRE(code_of({"t", DType::kU8, SheetLayout::kLinear, {big, big, 1}, {}}) == Errc::kLimit);
  REQUIRE(code_of({"t", DType::kF32, layout, {std::int64_t{1} << 62, 2}, {}}) == Errc::kLimit);
  // 16 x padding of one-column rows: the canonical bytes fit, the units must still be counted.
  REQUIRE(code_of({"t", DType::kF32, layout, {std::int64_t{1} << 47, 1}, {}}) == Errc::kLimit);
}

TEST_CASE("a directory survives its round trip", "[pixelfs]") {
  const ByteVector bytes = pixelfs::encode_directory(sample());
  REQUIRE(*pixelfs::directory_size(bytes) == bytes.size());
  const auto read = pixelfs::decode_directory(bytes);
  REQUIRE(read);
  REQUIRE(read->entries.size() == 1);
  REQUIRE(read->entries[0].meta.name == "a.weight");
  REQUIRE(read->entries[0].meta.shape == std::vector<std::int64_t>{40, 70});
  REQUIRE(read->entries[0].digest == Xxh128{1, 2});
  REQUIRE(read->width == 1024);
}

TEST_CASE("the directory's bytes are frozen", "[pixelfs]") {
  const ByteVector bytes = pixelfs::encode_directory(sample());
  REQUIRE(bytes.size() == 64 + 54 + 8 + 16);
  REQUIRE(as_text(Bytes(bytes).first(6)) == "pxSHET");
  REQUIRE(bytes[6] == 1);
  REQUIRE(to_hex(xxh3_128(bytes)) == "a35c8e4a3b9e6ff3a4eba7eda7cd3283");
}

TEST_CASE("the worked example of docs/spec/sheet.md decodes to what it says", "[pixelfs]") {
  const ByteVector file = *read_file(test::source_folder() / "docs/spec/sheet.md");
  std::string_view text = as_text(file);
  text.remove_prefix(text.find("```hex") + 6);
  text = text.substr(0, text.find("```"));
  ByteVector bytes;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (std::isxdigit(static_cast<unsigned char>(text[i])) == 0) continue;
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    ++i;
  }
  REQUIRE(bytes == pixelfs::encode_directory(sample()));
  const auto geometry = pixelfs::make_geometry(1024, 4);
  REQUIRE(geometry.pad() == 46);
  REQUIRE(geometry.first == 128);
  REQUIRE(geometry.file_bytes() == 12628);
}

TEST_CASE("every flipped bit of a directory is seen", "[pixelfs]") {
  const ByteVector bytes = pixelfs::encode_directory(sample());
  for (std::uint64_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const ByteVector damaged = test::flip_bit(bytes, bit);
    const auto size = pixelfs::directory_size(damaged);
    if (!size || *size != damaged.size()) continue;
    REQUIRE_FALSE(pixelfs::decode_directory(damaged));
  }
}

TEST_CASE("a well-signed directory with impossible numbers is refused", "[pixelfs]") {
  const auto refused = [](auto&& change) {
    pixelfs::Directory d = sample();
    change(d);
    const auto read = pixelfs::decode_directory(pixelfs::encode_directory(d));
    REQUIRE_FALSE(read);
    REQUIRE(read.error().message.find('\n') == std::string::npos);
  };
  refused([](auto& d) { d.unit_bytes = 512; });
  refused([](auto& d) { d.units_per_line = 0; });
  refused([](auto& d) { d.units_per_line = 4; });
  refused([](auto& d) { d.directory_scanlines = 5; });
  refused([](auto& d) { d.directory_scanlines = 0; });
  refused([](auto& d) { d.scanlines = 3; });  // 9 units in two lines of three
  refused([](auto& d) { d.index = 1; });
  refused([](auto& d) { d.entries[0].first_slot = 1; });
  refused([](auto& d) { d.entries[0].first_slot = ~std::uint64_t{0}; });
  refused([](auto& d) { d.entries[0].group_count = 0; });
  refused([](auto& d) { d.entries[0].first_group = 1; });
  refused([](auto& d) { d.entries[0].group_count = ~std::uint64_t{0}; });
  refused([](auto& d) { d.entries.push_back(d.entries[0]); });
  refused([](auto& d) { d.entries[0].meta.shape = {0}; });
  refused([](auto& d) { d.entries[0].meta.layout = static_cast<SheetLayout>(9); });
}
