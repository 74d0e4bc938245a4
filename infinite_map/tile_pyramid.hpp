#pragma once
// Smaller versions of the tiles: at level L one pixel is the average of 2^L x 2^L pixels of the
// plane, weighted by alpha, and tile (i, j) covers 2^L x 2^L tiles. Levels are computed when they
// are looked at and forgotten when a tile under them changes, so that drawing costs what the
// picture has pixels.
//
// Thread-safe against itself; the plane must not change during draw() (TileStore locks).

#include "infinite_map/tile_pool.hpp"

#include <array>
#include <functional>
#include <mutex>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace pxos::infinite_map {

/// Which plane coordinates the columns and rows of a picture show, ascending.
struct PyramidView {
  std::span<const std::int64_t> xs;
  std::span<const std::int64_t> ys;
  unsigned level = 0;
};

/// Receives RGBA bytes of picture pixel (column, row).
using PixelSink =
    std::function<void(std::size_t column, std::size_t row, const std::uint8_t* rgba)>;

class TilePyramid {
 public:
  /// Wider views take every 2^k-th pixel of the top level.
  static constexpr unsigned kMaxLevel = 20;
  using Table = std::unordered_map<TileCoord, TilePtr, TileCoordHash>;

  /// Calls `sink` for every pixel of the picture that lies in a tile which exists.
  /// Errors: those of TilePool::pin.
  Result<void> draw(TilePool& pool, const Table& tiles, const PyramidView& view,
                    const PixelSink& sink);

  /// A tile changed, came or went.
  void invalidate(TileCoord coord);
  /// Everything may have changed.
  void clear();

 private:
  struct Level {
    std::unordered_set<TileCoord, TileCoordHash> occupied;  ///< has tiles under it, or once had
    Table tiles;
  };

  Result<std::optional<TilePin>> find(TilePool& pool, const Table& tiles, unsigned level,
                                      TileCoord coord);
  Result<TilePin> shrink(TilePool& pool, const Table& tiles, unsigned level, TileCoord coord);
  void index(const Table& tiles, unsigned level);

  std::mutex mutex_;
  std::vector<Level> levels_;  ///< levels_[0] is not used: those are the tiles themselves
};

}  // namespace pxos::infinite_map
