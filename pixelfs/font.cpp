#include "pixelfs/font.hpp"

#include "pixelfs/font_data.hpp"

#include <algorithm>

namespace pxos::pixelfs::font {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// What is shown for a code point without a glyph.
constexpr data::GlyphRows kBox{0,    0,    0x7E, 0x42, 0x42, 0x42, 0x42, 0x42,
                               0x42, 0x42, 0x42, 0x42, 0x7E, 0,    0,    0};

const data::CodePoint* find(char32_t code_point) {
  const auto table = data::code_points();
  const auto at = std::lower_bound(
      table.begin(), table.end(), code_point,
      [](const data::CodePoint& row, char32_t wanted) { return row.code_point < wanted; });
  return at != table.end() && at->code_point == code_point ? &*at : nullptr;
}

/// Bytes that follow a lead byte, 0 for ASCII, -1 for a byte that cannot lead.
int follow_count(std::uint8_t lead) {
  if (lead < 0x80) return 0;
  if (lead >= 0xC2 && lead <= 0xDF) return 1;
  if (lead >= 0xE0 && lead <= 0xEF) return 2;
  if (lead >= 0xF0 && lead <= 0xF4) return 3;
  return -1;
}

/// Fills the scale x scale block of one font pixel, as far as it lies inside the image.
void fill_block(Image& image, std::int64_t x, std::int64_t y, const TextStyle& style) {
  const std::int64_t x_end = std::min<std::int64_t>(x + style.scale, image.width);
  const std::int64_t y_end = std::min<std::int64_t>(y + style.scale, image.height);
  for (std::int64_t row = std::max<std::int64_t>(y, 0); row < y_end; ++row) {
    for (std::int64_t column = std::max<std::int64_t>(x, 0); column < x_end; ++column) {
      const auto at = static_cast<std::size_t>((row * image.width + column) * image.channels);
      std::copy(style.rgb.begin(), style.rgb.end(),
                image.pixels.begin() + static_cast<std::ptrdiff_t>(at));
      if (image.channels == 4) image.pixels[at + 3] = 255;
    }
  }
}

void draw_glyph(Image& image, std::int64_t x, std::int64_t y, char32_t code_point,
                const TextStyle& style) {
  const auto rows = glyph(code_point);
  for (std::uint32_t row = 0; row < kGlyphHeight; ++row)
    for (std::uint32_t column = 0; column < kGlyphWidth; ++column)
      if ((static_cast<unsigned>(rows[row]) >> (7 - column) & 1U) != 0)
        fill_block(image, x + std::int64_t{column} * style.scale,
                   y + std::int64_t{row} * style.scale, style);
}

}  // namespace

std::span<const std::uint8_t, kGlyphHeight> glyph(char32_t code_point) {
  const data::CodePoint* found = find(code_point);
  return found == nullptr ? std::span<const std::uint8_t, kGlyphHeight>(kBox)
                          : std::span<const std::uint8_t, kGlyphHeight>(data::kRows[found->glyph]);
}

bool has_glyph(char32_t code_point) {
  return find(code_point) != nullptr;
}

char32_t next_code_point(std::string_view& utf8) {
  const auto lead = static_cast<std::uint8_t>(utf8[0]);
  const int follow = follow_count(lead);
  if (follow < 0 || utf8.size() <= static_cast<std::size_t>(follow)) {
    utf8.remove_prefix(1);
    return kReplacement;
  }
  char32_t value = follow == 0 ? lead : lead & (0x3FU >> static_cast<unsigned>(follow));
  for (std::size_t i = 1; i <= static_cast<std::size_t>(follow); ++i) {
    const auto byte = static_cast<std::uint8_t>(utf8[i]);
    if ((byte & 0xC0U) != 0x80) {
      utf8.remove_prefix(1);
      return kReplacement;
    }
    value = value << 6U | (byte & 0x3FU);
  }
  const bool overlong = (follow == 2 && value < 0x800) || (follow == 3 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) {
    utf8.remove_prefix(1);
    return kReplacement;
  }
  utf8.remove_prefix(static_cast<std::size_t>(follow) + 1);
  return value;
}

std::uint32_t draw_text(Image& image, std::int64_t x, std::int64_t y, std::string_view utf8,
                        const TextStyle& style) {
  std::uint32_t width = 0;
  while (!utf8.empty()) {
    const char32_t code_point = next_code_point(utf8);
    if (x + width < std::int64_t{image.width}) draw_glyph(image, x + width, y, code_point, style);
    width += kGlyphWidth * style.scale;
  }
  return width;
}

}  // namespace pxos::pixelfs::font
