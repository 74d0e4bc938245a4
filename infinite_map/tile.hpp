#pragma once
// The unit of anonymous pixels: 256 x 256 RGBA. Tile (i, j) covers [256 i, 256 i + 256) x
// [256 j, 256 j + 256). Also how a rectangle splits into parts of tiles.

#include "infinite_map/geometry.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace pxos::infinite_map {

inline constexpr unsigned kTileBits = 8;
inline constexpr std::int64_t kTileSide = std::int64_t{1} << kTileBits;
inline constexpr std::uint64_t kTileBytes = std::uint64_t{4} << (2 * kTileBits);

using TilePixels = std::array<std::uint8_t, kTileBytes>;

struct TileCoord {
  std::int64_t x = 0;
  std::int64_t y = 0;
  friend bool operator==(const TileCoord&, const TileCoord&) = default;
  friend auto operator<=>(const TileCoord&, const TileCoord&) = default;
};

struct TileCoordHash {
  std::size_t operator()(const TileCoord& c) const {
    // Two odd multipliers and a fold; neighbouring tiles spread over the table.
    std::uint64_t h = static_cast<std::uint64_t>(c.x) * 0x9E3779B97F4A7C15U;
    h ^= static_cast<std::uint64_t>(c.y) * 0xC2B2AE3D27D4EB4FU;
    return static_cast<std::size_t>(h ^ (h >> 29U));
  }
};

/// Arithmetic shifts floor towards -inf, so negative space works.
[[nodiscard]] inline TileCoord tile_at(Point p) {
  return {p.x >> kTileBits, p.y >> kTileBits};
}
/// Byte of a pixel in its tile.
[[nodiscard]] inline std::size_t offset_in_tile(Point p) {
  constexpr std::int64_t kMask = kTileSide - 1;
  return static_cast<std::size_t>((p.y & kMask) * kTileSide + (p.x & kMask)) * 4;
}
[[nodiscard]] inline Rect tile_rect(TileCoord c) {
  return {c.x * kTileSide, c.y * kTileSide, kTileSide, kTileSide};
}

/// The part of a rectangle that lies in one tile.
struct TilePart {
  TileCoord tile;
  std::size_t tile_offset = 0;  ///< byte of the part's first pixel in the tile
  std::size_t rect_offset = 0;  ///< byte of it in the rectangle's packed rows
  std::size_t row_bytes = 0;
  std::size_t rows = 0;

  [[nodiscard]] bool whole() const {
    return row_bytes == static_cast<std::size_t>(kTileSide) * 4 && rows == kTileSide;
  }
};

/// Calls visit(TilePart) -> bool for each tile a rectangle touches, in rows of tiles; stops at
/// false. Requires: a valid rectangle whose packed pixels fit size_t where rect_offset is used.
template <class Visit>
void for_each_part(const Rect& rect, Visit visit) {
  constexpr std::int64_t kMask = kTileSide - 1;
  for (std::int64_t y = rect.y; y < rect.bottom();) {
    const std::int64_t rows = std::min(kTileSide - (y & kMask), rect.bottom() - y);
    for (std::int64_t x = rect.x; x < rect.right();) {
      const std::int64_t columns = std::min(kTileSide - (x & kMask), rect.right() - x);
      TilePart part;
      part.tile = tile_at({x, y});
      part.tile_offset = offset_in_tile({x, y});
      part.rect_offset =
          (static_cast<std::size_t>(y - rect.y) * static_cast<std::size_t>(rect.width) +
           static_cast<std::size_t>(x - rect.x)) *
          4;
      part.row_bytes = static_cast<std::size_t>(columns) * 4;
      part.rows = static_cast<std::size_t>(rows);
      if (!visit(part)) return;
      x += columns;
    }
    y += rows;
  }
}

}  // namespace pxos::infinite_map
