#include "infinite_map/tile_pool.hpp"

#include <cstdlib>
#include <string_view>

namespace pxos::infinite_map {

TileOptions TileOptions::from_environment() {
  TileOptions options;
  const char* hard = std::getenv("PXOS_HARD_TILES");
  if (hard != nullptr && std::string_view(hard) == "1") options.budget_bytes = 0;
  return options;
}

Tile::~Tile() {
  pool_->forget(*this);
}

TilePin& TilePin::operator=(TilePin&& other) noexcept {
  if (this == &other) return *this;
  release();
  tile_ = std::move(other.tile_);
  pixels_ = std::exchange(other.pixels_, nullptr);
  return *this;
}

void TilePin::release() {
  if (tile_ && pixels_ != nullptr) tile_->pool_->unpin(*tile_);
  pixels_ = nullptr;
  tile_.reset();
}

std::shared_ptr<TilePool> TilePool::create(TileOptions options, std::unique_ptr<TileFile> file) {
  return std::shared_ptr<TilePool>(new TilePool(std::move(options), std::move(file)));
}

// make_unique zero-fills: a new tile is untouched space.
Result<TilePin> TilePool::make(bool derived) {
  auto tile = std::make_shared<Tile>(shared_from_this(), derived);
  const std::scoped_lock lock(mutex_);
  PX_CHECK(make_room());
  tile->pixels_ = std::make_unique<TilePixels>();
  grow();
  pinned_.push_front(tile.get());
  tile->place_ = pinned_.begin();
  tile->pins_ = 1;
  TilePixels* pixels = tile->pixels_.get();
  return TilePin(std::move(tile), pixels);
}

TilePtr TilePool::from_disk(const TileSlot& slot) {
  auto tile = std::make_shared<Tile>(shared_from_this(), false);
  tile->slot_ = slot;
  return tile;
}

Result<TilePin> TilePool::pin(const TilePtr& tile, TileAccess access) {
  const std::scoped_lock lock(mutex_);
  if (tile->pixels_ == nullptr) {
    if (!tile->slot_) return fail(Errc::kNotFound, "a derived tile has to be computed again");
    PX_CHECK(make_room());
    auto pixels = std::make_unique_for_overwrite<TilePixels>();
    PX_CHECK(file_->read(*tile->slot_, *pixels));
    tile->pixels_ = std::move(pixels);
    grow();
    ++stats_.restored;
    pinned_.push_front(tile.get());
    tile->place_ = pinned_.begin();
  } else if (tile->pins_ == 0) {
    pinned_.splice(pinned_.begin(), idle_, tile->place_);
  }
  ++tile->pins_;
  if (access == TileAccess::kWrite && tile->slot_) {
    file_->release(tile->slot_->index);
    tile->slot_.reset();
  }
  return TilePin(tile, tile->pixels_.get());
}

Result<TileSlot> TilePool::save(const TilePtr& tile) {
  const std::scoped_lock lock(mutex_);
  if (!tile->slot_) PX_CHECK(write_out(*tile));
  return *tile->slot_;
}

TileStats TilePool::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

// A tile that cannot be written stays in memory over the budget: nothing is lost, and the next
// change that needs room reports the error.
void TilePool::unpin(Tile& tile) {
  const std::scoped_lock lock(mutex_);
  if (--tile.pins_ > 0) return;
  idle_.splice(idle_.begin(), pinned_, tile.place_);
  while (stats_.resident_bytes > options_.budget_bytes && !idle_.empty()) {
    if (!evict(*idle_.back())) return;
  }
}

// Requires: not pinned; nobody else knows the tile any more.
void TilePool::forget(Tile& tile) {
  const std::scoped_lock lock(mutex_);
  if (tile.pixels_ != nullptr) {
    idle_.erase(tile.place_);
    stats_.resident_bytes -= kTileBytes;
  }
  if (tile.slot_) file_->release(tile.slot_->index);
}

void TilePool::grow() {
  stats_.resident_bytes += kTileBytes;
  stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.resident_bytes);
}

/// Evicts until one more tile fits. Pinned tiles may exceed the budget.
Result<void> TilePool::make_room() {
  while (stats_.resident_bytes + kTileBytes > options_.budget_bytes && !idle_.empty())
    PX_CHECK(evict(*idle_.back()));
  return {};
}

// Requires: in idle_.
Result<void> TilePool::evict(Tile& tile) {
  if (!tile.slot_ && !tile.derived_) {
    PX_CHECK(write_out(tile));
    ++stats_.spilled;
  }
  idle_.erase(tile.place_);
  tile.pixels_.reset();
  stats_.resident_bytes -= kTileBytes;
  return {};
}

Result<void> TilePool::write_out(Tile& tile) {
  PX_TRY(TileFile* const out, file());
  PX_TRY(tile.slot_, out->write(*tile.pixels_));
  return {};
}

Result<TileFile*> TilePool::file() {
  if (file_) return file_.get();
  std::error_code error;
  const std::filesystem::path folder = options_.spill_folder.empty()
                                           ? std::filesystem::temp_directory_path(error)
                                           : options_.spill_folder;
  if (error) return fail(Errc::kIo, "no temporary folder for tiles: {}", error.message());
  PX_TRY(file_, TileFile::temporary(folder));
  return file_.get();
}

}  // namespace pxos::infinite_map
