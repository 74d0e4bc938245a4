#include "shell/canvas.hpp"

#include <algorithm>

namespace pxos::shell {
namespace {

namespace font = pixelfs::font;

/// What to draw instead of a code point without a glyph, so that ordinary prose has no boxes.
char32_t substitute(char32_t code_point) {
  struct Pair {
    char32_t from, to;
  };
  static constexpr Pair kPairs[] = {
      {0x2014, 0x2013},  // em dash: en dash
      {0x2192, U'>'},   {0x2190, U'<'},   {0x00D7, U'x'},   {0x2713, 0x2611},
      {0x2714, 0x2611}, {0x2022, 0x00B7}, {0x25B8, 0x203A}, {0x2212, U'-'},
      {0x2032, U'\''},  {0x2033, U'"'},   {0x3000, U' '},
  };
  if (font::has_glyph(code_point)) return code_point;
  for (const Pair& pair : kPairs) {
    if (pair.from == code_point && font::has_glyph(pair.to)) return pair.to;
  }
  return code_point;
}

struct Rgba {
  std::uint32_t r = 0, g = 0, b = 0, a = 0;
};

Rgba pixel_at(const pixelfs::ImageView& picture, std::int64_t x, std::int64_t y) {
  const auto at = static_cast<std::size_t>((y * picture.width + x) * picture.channels);
  const auto* p = picture.pixels.data() + at;
  if (picture.channels == 1) return {p[0], p[0], p[0], 255};
  return {p[0], p[1], p[2], picture.channels == 4 ? p[3] : 255U};
}

/// Source pixels [first, last) behind output pixel i of `out` when `in` pixels are mapped to it.
struct Range {
  std::int64_t first = 0, last = 0;
};
Range source_range(std::int64_t i, std::int64_t in, std::int64_t out) {
  const std::int64_t first = i * in / out;
  return {first, std::max(first + 1, (i + 1) * in / out)};
}

/// Mean over a box of source pixels, each weighted by its alpha; at most 8 x 8 samples of it.
Rgba average(const pixelfs::ImageView& picture, Range xs, Range ys) {
  const std::int64_t step_x = std::max<std::int64_t>((xs.last - xs.first) / 8, 1);
  const std::int64_t step_y = std::max<std::int64_t>((ys.last - ys.first) / 8, 1);
  Rgba sum;
  std::uint32_t count = 0;
  for (std::int64_t y = ys.first; y < ys.last; y += step_y) {
    for (std::int64_t x = xs.first; x < xs.last; x += step_x, ++count) {
      const Rgba p = pixel_at(picture, x, y);
      sum = {sum.r + p.r * p.a, sum.g + p.g * p.a, sum.b + p.b * p.a, sum.a + p.a};
    }
  }
  if (sum.a == 0) return {};
  return {sum.r / sum.a, sum.g / sum.a, sum.b / sum.a, sum.a / count};
}

void blend(pixelfs::Image& frame, std::int64_t x, std::int64_t y, const Rgba& colour) {
  const auto at = static_cast<std::size_t>((y * frame.width + x) * 3);
  const std::uint32_t source[3] = {colour.r, colour.g, colour.b};
  for (std::size_t k = 0; k < 3; ++k) {
    std::uint8_t& under = frame.pixels[at + k];
    under =
        static_cast<std::uint8_t>((source[k] * colour.a + under * (255 - colour.a) + 127) / 255);
  }
}

/// The part of `box` inside the frame.
Box clipped(const pixelfs::Image& frame, const Box& box) {
  const std::int64_t x = std::max<std::int64_t>(box.x, 0);
  const std::int64_t y = std::max<std::int64_t>(box.y, 0);
  const std::int64_t right = std::min<std::int64_t>(box.x + box.width, frame.width);
  const std::int64_t bottom = std::min<std::int64_t>(box.y + box.height, frame.height);
  return {x, y, std::max<std::int64_t>(right - x, 0), std::max<std::int64_t>(bottom - y, 0)};
}

}  // namespace

pixelfs::Image make_frame(Size size, Rgb colour) {
  pixelfs::Image frame{size.width, size.height, 3, {}};
  frame.pixels.resize(std::size_t{size.width} * size.height * 3);
  fill(frame, {0, 0, size.width, size.height}, colour);
  return frame;
}

void fill(pixelfs::Image& frame, const Box& box, Rgb colour) {
  const Box inside = clipped(frame, box);
  for (std::int64_t y = inside.y; y < inside.y + inside.height; ++y) {
    auto at = static_cast<std::size_t>((y * frame.width + inside.x) * 3);
    for (std::int64_t x = 0; x < inside.width; ++x, at += 3) {
      frame.pixels[at] = colour[0];
      frame.pixels[at + 1] = colour[1];
      frame.pixels[at + 2] = colour[2];
    }
  }
}

void draw_glyph(pixelfs::Image& frame, std::int64_t x, std::int64_t y, char32_t code_point,
                Rgb colour) {
  const auto rows = font::glyph(substitute(code_point));
  for (std::uint32_t row = 0; row < font::kGlyphHeight; ++row) {
    for (std::uint32_t column = 0; column < font::kGlyphWidth; ++column) {
      if ((static_cast<unsigned>(rows[row]) >> (7 - column) & 1U) != 0)
        fill(frame, {x + column, y + row, 1, 1}, colour);
    }
  }
}

std::int64_t draw_line(pixelfs::Image& frame, std::int64_t x, std::int64_t y, std::string_view utf8,
                       Rgb colour) {
  while (!utf8.empty()) {
    draw_glyph(frame, x, y, font::next_code_point(utf8), colour);
    x += font::kGlyphWidth;
  }
  return x;
}

void draw_picture(pixelfs::Image& frame, const Box& box, const pixelfs::ImageView& picture) {
  if (picture.width == 0 || picture.height == 0) return;
  const Box inside = clipped(frame, box);
  for (std::int64_t y = inside.y; y < inside.y + inside.height; ++y) {
    const Range ys = source_range(y - box.y, picture.height, box.height);
    for (std::int64_t x = inside.x; x < inside.x + inside.width; ++x) {
      const Range xs = source_range(x - box.x, picture.width, box.width);
      blend(frame, x, y, average(picture, xs, ys));
    }
  }
}

Size fit(const pixelfs::ImageView& picture, Size limit) {
  const std::uint64_t w = picture.width;
  const std::uint64_t h = picture.height;
  if (w == 0 || h == 0) return {};
  if (const std::uint64_t times = std::min(limit.width / w, limit.height / h); times >= 1)
    return {static_cast<std::uint32_t>(w * times), static_cast<std::uint32_t>(h * times)};
  // The side that is cut more decides; the other keeps the shape, at least one pixel.
  const bool by_width = w * limit.height > h * limit.width;
  const std::uint64_t width =
      by_width ? limit.width : std::max<std::uint64_t>(w * limit.height / h, 1);
  const std::uint64_t height =
      by_width ? std::max<std::uint64_t>(h * limit.width / w, 1) : limit.height;
  return {static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
}

}  // namespace pxos::shell
