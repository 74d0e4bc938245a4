#include "infinite_map/geometry.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>

namespace pxos::infinite_map {

// Everything else may then compute right() and bottom() without a check.
bool is_valid(const Rect& rect) {
  return rect.width >= 0 && rect.height >= 0 && checked_add(rect.x, rect.width) &&
         checked_add(rect.y, rect.height);
}

Rect united(const Rect& a, const Rect& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  const std::int64_t x = std::min(a.x, b.x);
  const std::int64_t y = std::min(a.y, b.y);
  return {x, y, std::max(a.right(), b.right()) - x, std::max(a.bottom(), b.bottom()) - y};
}

Rect intersection(const Rect& a, const Rect& b) {
  if (!a.overlaps(b)) return {};
  const std::int64_t x = std::max(a.x, b.x);
  const std::int64_t y = std::max(a.y, b.y);
  return {x, y, std::min(a.right(), b.right()) - x, std::min(a.bottom(), b.bottom()) - y};
}

}  // namespace pxos::infinite_map
