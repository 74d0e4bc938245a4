#include "pixelfs/sheet_geometry.hpp"

#include "pixelfs/png.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::SheetGeometry;

namespace {

/// A mappable PNG of random pixels, composed from the geometry alone.
ByteVector compose(const SheetGeometry& g, ByteVector& pixels) {
  pixels = test::noise(std::size_t{g.payload} * g.scanlines, g.payload);
  ByteVector file;
  std::uint32_t adler = 1;
  const ByteVector filter{0};
  for (std::uint32_t line = 0; line < g.scanlines; ++line) {
    const ByteVector prefix = pixelfs::line_prefix(g, line);
    const std::size_t idat = line == 0 ? g.first - 16 : file.size();
    file.insert(file.end(), prefix.begin(), prefix.end());
    const Bytes payload = Bytes(pixels).subspan(std::size_t{line} * g.payload, g.payload);
    file.insert(file.end(), payload.begin(), payload.end());
    adler = pixelfs::adler32(payload, pixelfs::adler32(filter, adler));
    std::uint32_t crc = pixelfs::crc32(Bytes(file).subspan(idat + 4));
    ByteVector end;
    if (line + 1 == g.scanlines) {
      for (int shift = 24; shift >= 0; shift -= 8)
        end.push_back(static_cast<std::uint8_t>(adler >> shift));
      crc = pixelfs::crc32(end, crc);
      end = pixelfs::sheet_tail(adler, crc);
    } else {
      for (int shift = 24; shift >= 0; shift -= 8)
        end.push_back(static_cast<std::uint8_t>(crc >> shift));
    }
    file.insert(file.end(), end.begin(), end.end());
  }
  return file;
}

}  // namespace

TEST_CASE("every pad makes a PNG that decodes and maps to the same pixels", "[pixelfs]") {
  std::set<std::uint32_t> pads;
  for (std::uint32_t width = 1; width <= 64; ++width) {
    const std::uint32_t lines = 1 + width % 4;
    const SheetGeometry g = pixelfs::make_geometry(width, lines);
    pads.insert(g.pad());
    REQUIRE(g.stride % 64 == 0);
    REQUIRE(g.first % 64 == 0);
    ByteVector pixels;
    const ByteVector file = compose(g, pixels);
    REQUIRE(file.size() == g.file_bytes());
    const auto read = pixelfs::read_geometry(file);
    REQUIRE(read);
    REQUIRE(*read == g);
    REQUIRE(pixelfs::check_framing(file, g));
    const auto image = pixelfs::decode_png(file);
    INFO("width " << width << " pad " << g.pad());
    REQUIRE(image);
    REQUIRE(image->pixels == pixels);
    for (std::uint32_t line = 0; line < lines; ++line) {
      REQUIRE(std::equal(
          pixels.begin() + std::ptrdiff_t{line} * g.payload,
          pixels.begin() + std::ptrdiff_t{line + 1} * g.payload,
          file.begin() + static_cast<std::ptrdiff_t>(g.first + std::uint64_t{line} * g.stride)));
    }
  }
  REQUIRE(pads.size() == 64);  // 0 .. 63 without 3, and 67 in its place
  REQUIRE_FALSE(pads.contains(3));
  REQUIRE(pads.contains(67));
}

TEST_CASE("the widest scanlines work", "[pixelfs]") {
  for (const std::uint32_t width : {15691U, 15994U, 15999U, 16000U, 21844U}) {
    const SheetGeometry g = pixelfs::make_geometry(width, 3);
    ByteVector pixels;
    const ByteVector file = compose(g, pixels);
    REQUIRE(pixelfs::read_geometry(file));
    REQUIRE(pixelfs::check_framing(file, g));
    REQUIRE(pixelfs::decode_png(file)->pixels == pixels);
  }
}

TEST_CASE("geometry that does not fit the file is refused", "[pixelfs]") {
  const SheetGeometry g = pixelfs::make_geometry(10, 4);
  ByteVector pixels;
  const ByteVector file = compose(g, pixels);
  ByteVector longer = file;
  longer.push_back(0);
  REQUIRE_FALSE(pixelfs::read_geometry(longer));
  test::for_each_truncation(file,
                            [](Bytes prefix) { REQUIRE_FALSE(pixelfs::read_geometry(prefix)); });
}

TEST_CASE("check_framing sees every flipped bit", "[pixelfs]") {
  const SheetGeometry g = pixelfs::make_geometry(7, 3);
  ByteVector pixels;
  const ByteVector file = compose(g, pixels);
  for (std::uint64_t bit = 0; bit < file.size() * 8; ++bit) {
    const ByteVector damaged = test::flip_bit(file, bit);
    INFO("bit " << bit);
    REQUIRE_FALSE(pixelfs::check_framing(damaged, g));
    const auto image = pixelfs::decode_png(damaged);
    if (image) REQUIRE(image->pixels == pixels);
  }
}
