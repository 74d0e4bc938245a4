#pragma once
// Points and half-open rectangles of the plane. Rectangles that come from outside are checked so
// that x + width and y + height do not overflow.

#include <cstdint>

namespace pxos::infinite_map {

struct Point {
  std::int64_t x = 0;
  std::int64_t y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

/// [x, x + width) x [y, y + height). Empty when a side is 0.
struct Rect {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;

  [[nodiscard]] std::int64_t right() const { return x + width; }
  [[nodiscard]] std::int64_t bottom() const { return y + height; }
  [[nodiscard]] bool empty() const { return width <= 0 || height <= 0; }
  [[nodiscard]] bool contains(Point p) const {
    return p.x >= x && p.x < right() && p.y >= y && p.y < bottom();
  }
  [[nodiscard]] bool overlaps(const Rect& o) const {
    return x < o.right() && o.x < right() && y < o.bottom() && o.y < bottom() && !empty() &&
           !o.empty();
  }
  friend bool operator==(const Rect&, const Rect&) = default;
};

/// The viewport of a render is a rectangle of the plane.
using Viewport = Rect;

/// True when the rectangle is well formed: sides >= 0 and neither far edge overflows.
[[nodiscard]] bool is_valid(const Rect& rect);

/// Smallest rectangle around both; an empty one counts as nothing.
[[nodiscard]] Rect united(const Rect& a, const Rect& b);

/// What both cover; empty (0 x 0) when they do not overlap.
[[nodiscard]] Rect intersection(const Rect& a, const Rect& b);

}  // namespace pxos::infinite_map
