#pragma once
// Draws regions and tiles into an image. The caller holds the map's lock.

#include "infinite_map/map.hpp"
#include "infinite_map/tile_store.hpp"

#include <span>

namespace pxos::infinite_map {

/// A viewport and the picture it becomes: column i shows map column
/// view.x + (2 i + 1) * view.width / (2 * width), rows likewise.
struct Projection {
  Rect view;
  std::uint32_t width = 0;
  std::uint32_t height = 0;

  [[nodiscard]] std::int64_t map_x(std::int64_t column) const {
    return view.x + (2 * column + 1) * view.width / (2 * std::int64_t{width});
  }
  [[nodiscard]] std::int64_t map_y(std::int64_t row) const {
    return view.y + (2 * row + 1) * view.height / (2 * std::int64_t{height});
  }
};

/// Errors: kUsage for an empty size, kLimit above 2^16 pixels a side, 2^26 in all, or 2^44 map
/// pixels a side.
Result<void> check_projection(const Projection& projection);

/// Requires: check_projection passed; `regions` are those that touch the view.
[[nodiscard]] pixelfs::Image render_map(const Projection& projection,
                                        std::span<const Region> regions, const TileStore& tiles,
                                        const RenderOptions& options);

}  // namespace pxos::infinite_map
