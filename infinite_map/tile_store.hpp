#pragma once
// The plane's anonymous pixels: tiles made on first write, read, written, filled and copied by
// rectangle. Untouched space reads (0, 0, 0, 0) and costs nothing. Memory is bounded by a budget
// (TilePool); with a folder the content outlives the process.
//
// Thread-safe. Each operation sees and makes its whole rectangle at once: a reader never meets half
// a write. An operation that fails with kIo may have done a part of it.

#include "infinite_map/color.hpp"
#include "infinite_map/fair_shared_mutex.hpp"
#include "infinite_map/tile_pool.hpp"
#include "infinite_map/tile_pyramid.hpp"
#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

namespace pxos::infinite_map {

using TileTable = std::unordered_map<TileCoord, TilePtr, TileCoordHash>;

/// Errors: kUsage unless `bytes` are the RGBA pixels of a valid rectangle.
Result<void> check_pixel_count(const Rect& rect, std::size_t bytes);

/// The plane as it was. Shares tiles with it until one of them is written (copy on write), so
/// taking one costs a pointer a tile. A value; may outlive its store.
class TileSnapshot {
 public:
  TileSnapshot() = default;
  [[nodiscard]] std::size_t tiles() const { return table_ ? table_->size() : 0; }
  /// As TileStore::read, of the plane as it was.
  Result<void> read(const Rect& rect, MutBytes rgba) const;
  /// Tiles written, made or removed between two snapshots of one store, ascending. Compares
  /// pointers: a tile that was written back to the same pixels counts as changed.
  [[nodiscard]] static std::vector<TileCoord> changed(const TileSnapshot& a, const TileSnapshot& b);

 private:
  friend class TileStore;
  std::shared_ptr<TilePool> pool_;
  std::shared_ptr<const TileTable> table_;
};

class TileStore {
 public:
  /// In memory, spilling to a nameless file.
  explicit TileStore(TileOptions options = TileOptions::from_environment());
  /// The tile folder `folder`, made when it is not there; flush() makes changes last.
  /// Errors: those of TileFile::open.
  static Result<std::unique_ptr<TileStore>> open(
      const std::filesystem::path& folder, TileOptions options = TileOptions::from_environment());

  // Rectangles must be valid and inside +-2^61; kUsage else, and when the bytes are not 4 * width *
  // height. kLimit above options.max_tiles; kIo when a tile could not be spilled or read back;
  // kInvalid when one came back damaged.
  Result<void> write(const Rect& rect, Bytes rgba);
  Result<void> read(const Rect& rect, MutBytes rgba) const;
  Result<void> fill(const Rect& rect, Rgba color);
  /// Makes untouched space again; tiles that lie inside go. No limit of size.
  Result<void> clear(const Rect& rect);
  /// As if through a buffer: the rectangles may overlap.
  Result<void> copy(const Rect& from, Point to);
  /// Holds the tile around `rect` in memory as it is now: later writes go to a copy. None when the
  /// rectangle lies in several tiles or in untouched space. Read only.
  Result<std::optional<TilePin>> pin(const Rect& rect) const;
  /// Draws the plane at a power-of-two scale (TilePyramid::draw).
  Result<void> draw(const PyramidView& view, const PixelSink& sink) const;

  [[nodiscard]] TileSnapshot snapshot() const;
  /// Makes the plane what it was. Errors: kUsage for a snapshot of another store.
  Result<void> restore(const TileSnapshot& snapshot);
  /// The same for the pixels in `rect`.
  Result<void> restore(const TileSnapshot& snapshot, const Rect& rect);

  /// Makes the tiles' folder hold the plane as it is now, all or nothing. Requires a folder:
  /// kUsage.
  Result<void> flush();

  [[nodiscard]] std::uint64_t tiles() const;
  [[nodiscard]] std::uint64_t bytes() const { return tiles() * kTileBytes; }
  [[nodiscard]] TileStats stats() const { return pool_->stats(); }

 private:
  TileStore(TileOptions options, std::unique_ptr<TileFile> file);

  Result<TilePin> open_for_write(TileCoord coord, bool keep);
  Result<void> write_part(const TilePart& part, const std::uint8_t* rgba, std::size_t stride);
  Result<void> write_locked(const Rect& rect, Bytes rgba);
  Result<void> fill_part(const TilePart& part, Rgba color);
  Result<void> restore_part(const TileTable& old, TileCoord coord, const Rect& part);
  void put(TileCoord coord, TilePtr tile);

  std::shared_ptr<TilePool> pool_;
  mutable FairSharedMutex content_mutex_;  ///< guards table_ and the pixels of its tiles
  TileTable table_;
  mutable TilePyramid pyramid_;
};

}  // namespace pxos::infinite_map
