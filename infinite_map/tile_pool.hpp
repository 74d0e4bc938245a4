#pragma once
// Which tiles are in memory. A tile's pixels are in memory, on disk, or both; the least recently
// used ones leave memory when the byte budget is exceeded, changed ones after they were written to
// the tile file. A budget of 0 evicts a tile whenever nobody holds it: the hard mode of tests.
//
// Thread-safe. Pixels of a pinned tile stay where they are; who may write them is the TileStore's
// business.

#include "infinite_map/tile.hpp"
#include "infinite_map/tile_file.hpp"
#include "infinite_map/tile_options.hpp"

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace pxos::infinite_map {

struct TileStats {
  std::uint64_t resident_bytes = 0;
  std::uint64_t peak_bytes = 0;
  std::uint64_t spilled = 0;   ///< tiles written because memory was short
  std::uint64_t restored = 0;  ///< tiles read back
};

class TilePool;

/// One version of a tile. Shared by the plane and the snapshots that hold it; goes with the last.
class Tile {
 public:
  Tile(std::shared_ptr<TilePool> pool, bool derived) : pool_(std::move(pool)), derived_(derived) {}
  ~Tile();
  Tile(const Tile&) = delete;
  Tile& operator=(const Tile&) = delete;

 private:
  friend class TilePool;
  friend class TilePin;
  std::shared_ptr<TilePool> pool_;
  bool derived_ = false;  ///< can be computed again: dropped instead of spilled
  // The rest is guarded by the pool's mutex, the pixels' content excepted.
  std::unique_ptr<TilePixels> pixels_;
  std::optional<TileSlot> slot_;  ///< a copy on disk that equals the pixels
  std::uint32_t pins_ = 0;
  std::list<Tile*>::iterator place_;  ///< in the pool's list while in memory and not pinned
};
using TilePtr = std::shared_ptr<Tile>;

/// Keeps a tile's pixels in memory while it lives.
class TilePin {
 public:
  TilePin(TilePtr tile, TilePixels* pixels) : tile_(std::move(tile)), pixels_(pixels) {}
  TilePin(TilePin&& other) noexcept
      : tile_(std::move(other.tile_)), pixels_(std::exchange(other.pixels_, nullptr)) {}
  TilePin& operator=(TilePin&& other) noexcept;
  ~TilePin() { release(); }

  [[nodiscard]] const TilePixels& pixels() const { return *pixels_; }
  [[nodiscard]] std::uint8_t* data() const { return pixels_->data(); }
  [[nodiscard]] const TilePtr& tile() const { return tile_; }

 private:
  void release();
  TilePtr tile_;
  TilePixels* pixels_ = nullptr;
};

enum class TileAccess : std::uint8_t {
  kRead,
  kWrite,  ///< the copy on disk is given up
};

class TilePool : public std::enable_shared_from_this<TilePool> {
 public:
  /// `file` null: a nameless spill file is made when one is needed.
  static std::shared_ptr<TilePool> create(TileOptions options, std::unique_ptr<TileFile> file);

  /// A new tile of zeros, pinned. `derived`: never spilled. Errors: kIo when room could not be
  /// made.
  Result<TilePin> make(bool derived = false);
  /// A tile that is on disk and not in memory. Requires: the slot is held and no other tile's.
  TilePtr from_disk(const TileSlot& slot);
  /// Brings the pixels into memory. Errors: kIo, kInvalid (damage), kNotFound for a derived tile
  /// that was dropped.
  Result<TilePin> pin(const TilePtr& tile, TileAccess access);
  /// Makes sure the tile has a copy on disk and gives its place.
  Result<TileSlot> save(const TilePtr& tile);

  [[nodiscard]] TileStats stats() const;
  [[nodiscard]] const TileOptions& options() const { return options_; }
  /// Runs `use(file)` under the pool's lock; the file is null until something was spilled.
  template <class Use>
  auto with_file(Use use) const {
    const std::scoped_lock lock(mutex_);
    return use(file_.get());
  }

 private:
  friend class Tile;
  friend class TilePin;
  TilePool(TileOptions options, std::unique_ptr<TileFile> file)
      : options_(std::move(options)), file_(std::move(file)) {}

  void unpin(Tile& tile);
  void forget(Tile& tile);
  void grow();
  Result<void> make_room();
  Result<void> evict(Tile& tile);
  Result<void> write_out(Tile& tile);
  Result<TileFile*> file();

  const TileOptions options_;
  mutable std::mutex mutex_;
  std::unique_ptr<TileFile> file_;
  std::list<Tile*> idle_;  ///< in memory, not pinned; front: used last
  std::list<Tile*>
      pinned_;  ///< in memory and pinned; pinning moves the list node, it allocates nothing
  TileStats stats_;
};

}  // namespace pxos::infinite_map
