#include "infinite_map/tile_store.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::infinite_map {
namespace {

/// A run of pixels of one row that lies in one tile.
struct Run {
  std::pair<std::int64_t, std::int64_t> tile;
  std::size_t in_tile;  ///< byte offset
  std::size_t in_rect;
  std::size_t bytes;
};

/// Splits each row at tile borders. Arithmetic shifts and masks floor towards -inf, so negative
/// space works.
template <class Visit>
void for_each_run(const Rect& rect, Visit visit) {
  constexpr std::int64_t kMask = TileStore::kTileSide - 1;
  std::size_t done = 0;
  for (std::int64_t y = rect.y; y < rect.bottom(); ++y) {
    for (std::int64_t x = rect.x; x < rect.right();) {
      const std::int64_t inside = x & kMask;
      const std::int64_t count = std::min(TileStore::kTileSide - inside, rect.right() - x);
      const auto offset = static_cast<std::size_t>((y & kMask) * TileStore::kTileSide + inside) * 4;
      const Run run{{x >> TileStore::kTileBits, y >> TileStore::kTileBits},
                    offset,
                    done,
                    static_cast<std::size_t>(count) * 4};
      visit(run);
      done += run.bytes;
      x += count;
    }
  }
}

}  // namespace

std::size_t TileStore::CoordHash::operator()(const TileCoord& c) const {
  std::uint64_t h = static_cast<std::uint64_t>(c.first) * 0x9E3779B97F4A7C15U;
  h ^= static_cast<std::uint64_t>(c.second) * 0xC2B2AE3D27D4EB4FU;
  return static_cast<std::size_t>(h ^ (h >> 29U));
}

const TileStore::Tile* TileStore::tile(TileCoord coord) const {
  const auto found = tiles_.find(coord);
  return found == tiles_.end() ? nullptr : found->second.get();
}

// make_unique zero-fills: the rest of a new tile is untouched space.
TileStore::Tile& TileStore::mutable_tile(TileCoord coord) {
  std::unique_ptr<Tile>& tile = tiles_[coord];
  if (!tile) tile = std::make_unique<Tile>();
  return *tile;
}

void TileStore::write(const Rect& rect, Bytes rgba) {
  for_each_run(rect, [&](const Run& run) {
    std::memcpy(mutable_tile(run.tile).data() + run.in_tile, rgba.data() + run.in_rect, run.bytes);
  });
}

void TileStore::read(const Rect& rect, MutBytes rgba) const {
  for_each_run(rect, [&](const Run& run) {
    const Tile* from = tile(run.tile);
    if (from != nullptr) {
      std::memcpy(rgba.data() + run.in_rect, from->data() + run.in_tile, run.bytes);
    } else {
      std::memset(rgba.data() + run.in_rect, 0, run.bytes);
    }
  });
}

const std::uint8_t* TileStore::pixel(std::int64_t x, std::int64_t y) const {
  const Tile* from = tile({x >> kTileBits, y >> kTileBits});
  if (from == nullptr) return nullptr;
  constexpr std::int64_t kMask = kTileSide - 1;
  return from->data() + static_cast<std::size_t>((y & kMask) * kTileSide + (x & kMask)) * 4;
}

}  // namespace pxos::infinite_map
