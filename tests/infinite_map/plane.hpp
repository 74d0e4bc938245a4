#pragma once
// A plane kept pixel by pixel, which the tile store must agree with, and random pixels.

#include "infinite_map/tile_store.hpp"
#include "pxvm/base/rng.hpp"

#include <array>
#include <map>

namespace pxos::infinite_map::test {

class Plane {
 public:
  void write(const Rect& r, Bytes rgba) {
    std::size_t at = 0;
    for (std::int64_t y = r.y; y < r.bottom(); ++y) {
      for (std::int64_t x = r.x; x < r.right(); ++x, at += 4)
        pixels_[{x, y}] = {rgba[at], rgba[at + 1], rgba[at + 2], rgba[at + 3]};
    }
  }
  [[nodiscard]] ByteVector read(const Rect& r) const {
    ByteVector out;
    for (std::int64_t y = r.y; y < r.bottom(); ++y) {
      for (std::int64_t x = r.x; x < r.right(); ++x) {
        const auto found = pixels_.find({x, y});
        const std::array<std::uint8_t, 4> p =
            found == pixels_.end() ? std::array<std::uint8_t, 4>{} : found->second;
        out.insert(out.end(), p.begin(), p.end());
      }
    }
    return out;
  }

 private:
  std::map<std::pair<std::int64_t, std::int64_t>, std::array<std::uint8_t, 4>> pixels_;
};

inline ByteVector random_pixels(CounterRng& rng, const Rect& r) {
  ByteVector out(static_cast<std::size_t>(r.width * r.height) * 4);
  for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(rng.next_u32());
  return out;
}

inline ByteVector same_pixels(const Rect& r, std::uint8_t value) {
  return ByteVector(static_cast<std::size_t>(r.width * r.height) * 4, value);
}

/// A rectangle near the origin, on both sides of it, over tile borders.
inline Rect random_rect(CounterRng& rng, std::int64_t reach, std::int64_t width,
                        std::int64_t height) {
  const auto coordinate = [&] {
    return static_cast<std::int64_t>(rng.next_u32()) % (2 * reach) - reach;
  };
  const std::int64_t x = coordinate();
  const std::int64_t y = coordinate();
  return {x, y, 1 + static_cast<std::int64_t>(rng.next_u32()) % width,
          1 + static_cast<std::int64_t>(rng.next_u32()) % height};
}

inline ByteVector read_all(const TileStore& tiles, const Rect& r) {
  ByteVector out(static_cast<std::size_t>(r.width * r.height) * 4, 0xEE);
  const auto read = tiles.read(r, out);
  return read ? out : ByteVector();
}

/// Room for `tiles` tiles in memory.
inline TileOptions tight(std::uint64_t tiles) {
  TileOptions options;
  options.budget_bytes = tiles * kTileBytes;
  return options;
}

}  // namespace pxos::infinite_map::test
