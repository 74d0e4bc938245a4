#pragma once
// Pictures of the map in two steps. capture_layer() reads what a guest may change and is short;
// draw_frame() does the rest - weights, tiles, borders, labels - while the guest runs on.

#include "infinite_map/map.hpp"
#include "infinite_map/sampling.hpp"
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

/// Picture columns (or rows) [begin, end).
struct Span {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// A region that the picture shows, and the colours of its live memory.
struct FrameLayer {
  Region region;
  Span columns;
  Span rows;
  std::vector<Rgba> colors;  ///< empty for tiles and immutable sources: those are read by the draw
};

/// Errors: kUsage for an empty size, kLimit above 2^16 pixels a side, 2^26 in all, or 2^44 map
/// pixels a side.
Result<void> check_projection(const Projection& projection);

/// Requires: check_projection passed; the region touches the view; its memory does not change.
[[nodiscard]] FrameLayer capture_layer(const Projection& projection, const Region& region);

/// Errors: those of TileStore::draw.
Result<pixelfs::Image> draw_frame(const Projection& projection, std::span<const FrameLayer> layers,
                                  const TileStore& tiles, MipCache& mips,
                                  const RenderOptions& options);

}  // namespace pxos::infinite_map
