#include "infinite_map/tile_pyramid.hpp"

#include <cstring>

namespace pxos::infinite_map {
namespace {

/// Columns (or rows) [begin, end) of a picture that one tile covers.
struct Run {
  std::int64_t tile = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Coordinates ascend, so those of one tile are neighbours.
std::vector<Run> runs_of(std::span<const std::int64_t> coordinates, unsigned shift) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < coordinates.size(); ++i) {
    const std::int64_t tile = coordinates[i] >> shift;
    if (runs.empty() || runs.back().tile != tile) runs.push_back({tile, i, i});
    runs.back().end = i + 1;
  }
  return runs;
}

/// out = mean of four pixels, colours weighted by alpha: untouched space darkens nothing.
void average(const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* out) {
  const std::array<const std::uint8_t*, 4> from{a, a + 4, b, b + 4};
  std::uint32_t alpha = 0;
  for (const std::uint8_t* p : from) alpha += p[3];
  if (alpha == 0) return;
  for (std::size_t c = 0; c < 3; ++c) {
    std::uint32_t sum = alpha / 2;
    for (const std::uint8_t* p : from) sum += std::uint32_t{p[c]} * p[3];
    out[c] = static_cast<std::uint8_t>(sum / alpha);
  }
  out[3] = static_cast<std::uint8_t>((alpha + 2) / 4);
}

/// The tile at half size into quadrant (qx, qy) of its parent.
void shrink_into(const TilePixels& child, std::int64_t qx, std::int64_t qy, std::uint8_t* parent) {
  constexpr std::size_t kRow = static_cast<std::size_t>(kTileSide) * 4;
  constexpr std::size_t kHalf = static_cast<std::size_t>(kTileSide) / 2;
  std::uint8_t* out = parent + static_cast<std::size_t>(qy) * kHalf * kRow +
                      static_cast<std::size_t>(qx) * kHalf * 4;
  for (std::size_t y = 0; y < kHalf; ++y) {
    const std::uint8_t* upper = child.data() + 2 * y * kRow;
    for (std::size_t x = 0; x < kHalf; ++x)
      average(upper + 8 * x, upper + kRow + 8 * x, out + y * kRow + 4 * x);
  }
}

}  // namespace

Result<void> TilePyramid::draw(TilePool& pool, const Table& tiles, const PyramidView& view,
                               const PixelSink& sink) {
  const unsigned level = std::min(view.level, kMaxLevel);
  const std::scoped_lock lock(mutex_);
  index(tiles, level);
  const std::vector<Run> columns = runs_of(view.xs, level + kTileBits);
  for (const Run& rows : runs_of(view.ys, level + kTileBits)) {
    for (const Run& run : columns) {
      PX_TRY(const std::optional<TilePin> pin, find(pool, tiles, level, {run.tile, rows.tile}));
      if (!pin) continue;
      for (std::size_t j = rows.begin; j < rows.end; ++j) {
        const std::int64_t y = (view.ys[j] >> level) & (kTileSide - 1);
        for (std::size_t i = run.begin; i < run.end; ++i) {
          const std::int64_t x = (view.xs[i] >> level) & (kTileSide - 1);
          sink(i, j, pin->pixels().data() + static_cast<std::size_t>(y * kTileSide + x) * 4);
        }
      }
    }
  }
  return {};
}

void TilePyramid::invalidate(TileCoord coord) {
  const std::scoped_lock lock(mutex_);
  for (unsigned level = 1; level < levels_.size(); ++level) {
    const TileCoord parent{coord.x >> level, coord.y >> level};
    levels_[level].tiles.erase(parent);
    levels_[level].occupied.insert(parent);
  }
}

void TilePyramid::clear() {
  const std::scoped_lock lock(mutex_);
  levels_.clear();
}

/// Which places of each level up to `level` have tiles under them. Kept up by invalidate().
void TilePyramid::index(const Table& tiles, unsigned level) {
  for (std::size_t l = std::max<std::size_t>(levels_.size(), 1); l <= level; ++l) {
    levels_.resize(l + 1);
    std::unordered_set<TileCoord, TileCoordHash>& occupied = levels_[l].occupied;
    if (l == 1) {
      for (const auto& [coord, tile] : tiles) occupied.insert({coord.x >> 1, coord.y >> 1});
      continue;
    }
    for (const TileCoord& c : levels_[l - 1].occupied) occupied.insert({c.x >> 1, c.y >> 1});
  }
}

/// The tile at (level, coord), computed when it is not there; none in untouched space.
Result<std::optional<TilePin>> TilePyramid::find(TilePool& pool, const Table& tiles, unsigned level,
                                                 TileCoord coord) {
  const Table& table = level == 0 ? tiles : levels_[level].tiles;
  const auto found = table.find(coord);
  if (found != table.end()) {
    auto pin = pool.pin(found->second, TileAccess::kRead);
    if (pin) return std::optional<TilePin>(*std::move(pin));
    const bool dropped = level > 0 && pin.error().code == Errc::kNotFound;
    if (!dropped) return tl::unexpected<Error>(std::move(pin).error());
  }
  if (level == 0 || !levels_[level].occupied.contains(coord)) return std::optional<TilePin>();
  PX_TRY(TilePin pin, shrink(pool, tiles, level, coord));
  return std::optional<TilePin>(std::move(pin));
}

/// Recursion ends at level 0, at most kMaxLevel deep; each existing tile is met once.
Result<TilePin> TilePyramid::shrink(TilePool& pool, const Table& tiles, unsigned level,
                                    TileCoord coord) {
  PX_TRY(TilePin made, pool.make(true));
  for (std::int64_t q = 0; q < 4; ++q) {
    const std::int64_t qx = q & 1;
    const std::int64_t qy = q >> 1;
    PX_TRY(const std::optional<TilePin> child,
           find(pool, tiles, level - 1, {2 * coord.x + qx, 2 * coord.y + qy}));
    if (child) shrink_into(child->pixels(), qx, qy, made.data());
  }
  levels_[level].tiles[coord] = made.tile();
  return made;
}

}  // namespace pxos::infinite_map
