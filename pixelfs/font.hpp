#pragma once
// The built-in bitmap font (Spleen 8x16, BSD 2-clause, embedded at build) and text drawn into
// images. The glyph table is constant data: safe from any thread.

#include "pixelfs/png.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace pxos::pixelfs::font {

inline constexpr std::uint32_t kGlyphWidth = 8;
inline constexpr std::uint32_t kGlyphHeight = 16;

/// Sixteen rows, top first; bit 7 of a row is its leftmost pixel. A code point the font lacks gets
/// a hollow box.
[[nodiscard]] std::span<const std::uint8_t, kGlyphHeight> glyph(char32_t code_point);
[[nodiscard]] bool has_glyph(char32_t code_point);

/// Decodes one code point from the front of `utf8` and removes it; a wrong byte gives U+FFFD and
/// goes alone. Requires: !utf8.empty().
char32_t next_code_point(std::string_view& utf8);

struct TextStyle {
  std::array<std::uint8_t, 3> rgb{255, 255, 255};
  std::uint32_t scale = 1;  ///< pixels per font pixel, >= 1
};

/// Draws one line with its upper left corner at (x, y); what falls outside is cut. The background
/// stays. Requires: image has 3 or 4 channels. Returns the width drawn or cut, in pixels.
std::uint32_t draw_text(Image& image, std::int64_t x, std::int64_t y, std::string_view utf8,
                        const TextStyle& style = {});

}  // namespace pxos::pixelfs::font
