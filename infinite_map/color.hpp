#pragma once
// A pixel of the plane.

#include <cstdint>

namespace pxos::infinite_map {

struct Rgba {
  std::uint8_t r = 0, g = 0, b = 0, a = 255;
  friend bool operator==(const Rgba&, const Rgba&) = default;
};

}  // namespace pxos::infinite_map
