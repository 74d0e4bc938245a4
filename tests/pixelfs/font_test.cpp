#include "pixelfs/font.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

using pxos::pixelfs::Image;
namespace font = pxos::pixelfs::font;

namespace {

Image blank(std::uint32_t width, std::uint32_t height, std::uint32_t channels = 3) {
  return {width, height, channels, pxos::ByteVector(std::size_t{width} * height * channels)};
}

std::size_t lit(const Image& image) {
  return image.pixels.size() - static_cast<std::size_t>(std::count(
                                   image.pixels.begin(), image.pixels.end(), std::uint8_t{0}));
}

std::u32string decode(std::string_view utf8) {
  std::u32string out;
  while (!utf8.empty()) out += font::next_code_point(utf8);
  return out;
}

}  // namespace

TEST_CASE("The font has ASCII, accents and box drawing, and a box for the rest", "[font]") {
  for (char32_t c = 0x20; c < 0x7F; ++c) CHECK(font::has_glyph(c));
  CHECK(font::has_glyph(0xE9));    // e with acute
  CHECK(font::has_glyph(0x2500));  // horizontal line
  CHECK_FALSE(font::has_glyph(0x1F3A8));
  CHECK(font::glyph(0x1F3A8)[2] == 0x7E);
  CHECK(std::ranges::equal(font::glyph(0x1F3A8), font::glyph(0x10FFFE)));
  CHECK_FALSE(std::ranges::equal(font::glyph('a'), font::glyph('b')));
  CHECK(std::ranges::all_of(font::glyph(' '), [](std::uint8_t row) { return row == 0; }));
}

TEST_CASE("UTF-8 is decoded strictly, one wrong byte at a time", "[font]") {
  CHECK(decode("a\xC3\xA9\xE2\x94\x80\xF0\x9F\x8E\xA8") == U"a\u00e9\u2500\U0001F3A8");
  CHECK(decode("\xFF"
               "b") == U"\uFFFDb");
  CHECK(decode("\xC0\x80") == U"\uFFFD\uFFFD");            // overlong
  CHECK(decode("\xE0\x80\x80") == U"\uFFFD\uFFFD\uFFFD");  // overlong
  CHECK(decode("\xED\xA0\x80") == U"\uFFFD\uFFFD\uFFFD");  // surrogate
  CHECK(decode("\xE2\x94") == U"\uFFFD\uFFFD");            // cut
}

TEST_CASE("Text is drawn in its colour and scale", "[font]") {
  Image image = blank(16, 16);
  CHECK(font::draw_text(image, 0, 0, "I", {{1, 2, 3}, 1}) == 8);
  const std::size_t once = lit(image);
  CHECK(once > 0);
  CHECK(std::find(image.pixels.begin(), image.pixels.end(), 3) != image.pixels.end());
  Image twice = blank(32, 32);
  CHECK(font::draw_text(twice, 0, 0, "I", {{1, 2, 3}, 2}) == 16);
  CHECK(lit(twice) == 4 * once);
}

TEST_CASE("Text outside the image is cut, not written", "[font]") {
  Image image = blank(10, 10, 4);
  for (const std::int64_t at : {-7, -100, 5, 9, 10, 1000})
    font::draw_text(image, at, at, "Wide text");
  CHECK(font::draw_text(image, 0, 0, "Wide text") == 72);
  CHECK(image.pixels[3] == 0);  // the background keeps its alpha
}
