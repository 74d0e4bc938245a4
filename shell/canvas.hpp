#pragma once
// Drawing into an RGB frame: filled boxes, glyphs of the built-in font, scaled pictures. What falls
// outside the frame is cut. Pure functions over the caller's image.

#include "pixelfs/font.hpp"
#include "pixelfs/png.hpp"
#include "shell/screen.hpp"
#include "shell/style.hpp"

#include <cstdint>
#include <string_view>

namespace pxos::shell {

struct Box {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

[[nodiscard]] pixelfs::Image make_frame(Size size, Rgb colour);

void fill(pixelfs::Image& frame, const Box& box, Rgb colour);

/// Draws one 8 x 16 glyph; a code point the font lacks is replaced by its nearest relative, else by
/// a hollow box.
void draw_glyph(pixelfs::Image& frame, std::int64_t x, std::int64_t y, char32_t code_point,
                Rgb colour);

/// Draws one line of text; gives the x after it.
std::int64_t draw_line(pixelfs::Image& frame, std::int64_t x, std::int64_t y, std::string_view utf8,
                       Rgb colour);

/// Draws a picture (1, 3 or 4 channels) scaled to fill `box`. Alpha is blended. An enlargement
/// repeats pixels, a reduction averages each box of source pixels, so that thin lines survive.
void draw_picture(pixelfs::Image& frame, const Box& box, const pixelfs::ImageView& picture);

/// The largest size of the picture's shape within `limit`: whole-number enlargement, or a
/// reduction.
[[nodiscard]] Size fit(const pixelfs::ImageView& picture, Size limit);

}  // namespace pxos::shell
