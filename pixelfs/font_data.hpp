#pragma once
// The generated tables behind font.hpp (made by cmake/embed_font.py at build time).

#include <array>
#include <cstdint>
#include <span>

namespace pxos::pixelfs::font::data {

inline constexpr std::size_t kGlyphs = 512;
using GlyphRows = std::array<std::uint8_t, 16>;

struct CodePoint {
  std::uint32_t code_point;
  std::uint16_t glyph;
};

extern const std::array<GlyphRows, kGlyphs> kRows;
/// Ascending code points.
[[nodiscard]] std::span<const CodePoint> code_points();

}  // namespace pxos::pixelfs::font::data
