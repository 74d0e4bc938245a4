#include "infinite_map/tile_store.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace pxos::infinite_map {
namespace {

constexpr std::int64_t kMaxCoordinate = kMaxTileCoord * kTileSide;
constexpr std::size_t kTileRow = static_cast<std::size_t>(kTileSide) * 4;
/// A copy moves bands of rows through a buffer of about this size.
constexpr std::int64_t kBandPixels = std::int64_t{1} << 20U;
constexpr std::int64_t kMaxCopyWidth = std::int64_t{1} << 26U;

bool inside_plane(const Rect& rect) {
  return is_valid(rect) && rect.x >= -kMaxCoordinate && rect.y >= -kMaxCoordinate &&
         rect.right() <= kMaxCoordinate && rect.bottom() <= kMaxCoordinate;
}

bool all_zero(const std::uint8_t* bytes, std::size_t count) {
  return count == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, count - 1) == 0);
}

/// Rows of a part, in a packed rectangle whose rows are `stride` bytes.
bool is_blank(const TilePart& part, const std::uint8_t* rgba, std::size_t stride) {
  for (std::size_t r = 0; r < part.rows; ++r) {
    if (!all_zero(rgba + r * stride, part.row_bytes)) return false;
  }
  return true;
}

Result<void> read_table(TilePool& pool, const TileTable& table, const Rect& rect, MutBytes rgba) {
  const std::size_t stride = static_cast<std::size_t>(rect.width) * 4;
  Result<void> result;
  for_each_part(rect, [&](const TilePart& part) {
    std::uint8_t* out = rgba.data() + part.rect_offset;
    const auto found = table.find(part.tile);
    if (found == table.end()) {
      for (std::size_t r = 0; r < part.rows; ++r) std::memset(out + r * stride, 0, part.row_bytes);
      return true;
    }
    const auto pin = pool.pin(found->second, TileAccess::kRead);
    if (!pin) {
      result = in_context(fmt::format("tile ({}, {})", part.tile.x, part.tile.y), pin.error());
      return false;
    }
    const std::uint8_t* from = pin->data() + part.tile_offset;
    for (std::size_t r = 0; r < part.rows; ++r)
      std::memcpy(out + r * stride, from + r * kTileRow, part.row_bytes);
    return true;
  });
  return result;
}

/// Tiles that are there and touch `rect`, ascending. Walks the rectangle's tiles or the table,
/// whichever is less: the rectangle may be vast.
std::vector<TileCoord> tiles_in(const TileTable& table, const Rect& rect) {
  std::vector<TileCoord> out;
  if (rect.empty()) return out;
  const TileCoord first = tile_at({rect.x, rect.y});
  const TileCoord last = tile_at({rect.right() - 1, rect.bottom() - 1});
  const auto count = checked_mul(last.x - first.x + 1, last.y - first.y + 1);
  if (count && static_cast<std::uint64_t>(*count) <= table.size()) {
    for (TileCoord c = first; c.x <= last.x; ++c.x) {
      for (c.y = first.y; c.y <= last.y; ++c.y) {
        if (table.contains(c)) out.push_back(c);
      }
    }
    return out;
  }
  for (const auto& [coord, tile] : table) {
    if (tile_rect(coord).overlaps(rect)) out.push_back(coord);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<void> plane_holds(const Rect& rect) {
  if (inside_plane(rect)) return {};
  return fail(Errc::kUsage, "{} x {} pixels at ({}, {}) are not inside the plane", rect.width,
              rect.height, rect.x, rect.y);
}

}  // namespace

Result<void> check_pixel_count(const Rect& rect, std::size_t bytes) {
  const auto area = is_valid(rect) ? checked_mul(rect.width, rect.height) : std::nullopt;
  const auto size = area ? checked_mul<std::int64_t>(*area, 4) : std::nullopt;
  if (size && static_cast<std::uint64_t>(*size) == bytes) return {};
  return fail(Errc::kUsage, "{} bytes for {} x {} RGBA pixels", bytes, rect.width, rect.height);
}

Result<void> TileSnapshot::read(const Rect& rect, MutBytes rgba) const {
  PX_CHECK(plane_holds(rect));
  PX_CHECK(check_pixel_count(rect, rgba.size()));
  if (table_) return read_table(*pool_, *table_, rect, rgba);
  std::fill(rgba.begin(), rgba.end(), std::uint8_t{0});
  return {};
}

std::vector<TileCoord> TileSnapshot::changed(const TileSnapshot& a, const TileSnapshot& b) {
  std::vector<TileCoord> out;
  const TileTable none;
  const TileTable& before = a.table_ ? *a.table_ : none;
  const TileTable& after = b.table_ ? *b.table_ : none;
  for (const auto& [coord, tile] : before) {
    const auto found = after.find(coord);
    if (found == after.end() || found->second != tile) out.push_back(coord);
  }
  for (const auto& [coord, tile] : after) {
    if (!before.contains(coord)) out.push_back(coord);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TileStore::TileStore(TileOptions options) : TileStore(std::move(options), nullptr) {}

TileStore::TileStore(TileOptions options, std::unique_ptr<TileFile> file)
    : pool_(TilePool::create(std::move(options), std::move(file))) {}

Result<std::unique_ptr<TileStore>> TileStore::open(const std::filesystem::path& folder,
                                                   TileOptions options) {
  PX_TRY(std::unique_ptr<TileFile> file, TileFile::open(folder));
  if (file->tiles().size() > options.max_tiles)
    return fail(Errc::kLimit, "{}: {} tiles, at most {}", folder.string(), file->tiles().size(),
                options.max_tiles);
  const std::vector<TileEntry> entries(file->tiles().begin(), file->tiles().end());
  std::unique_ptr<TileStore> store(new TileStore(std::move(options), std::move(file)));
  for (const TileEntry& entry : entries)
    store->table_.emplace(entry.tile, store->pool_->from_disk({entry.slot, entry.checksum}));
  return store;
}

/// A tile nobody else sees: a new one, the plane's own, or a copy of one that a snapshot or a pin
/// shares. `keep` false: the caller overwrites every byte.
Result<TilePin> TileStore::open_for_write(TileCoord coord, bool keep) {
  const auto found = table_.find(coord);
  if (found != table_.end() && found->second.use_count() == 1) {
    pyramid_.invalidate(coord);
    return pool_->pin(found->second, TileAccess::kWrite);
  }
  if (found == table_.end() && table_.size() >= pool_->options().max_tiles)
    return fail(Errc::kLimit, "the plane has {} tiles already", table_.size());
  PX_TRY(TilePin made, pool_->make());
  if (found != table_.end() && keep) {
    PX_TRY(const TilePin old, pool_->pin(found->second, TileAccess::kRead));
    std::memcpy(made.data(), old.data(), kTileBytes);
  }
  put(coord, made.tile());
  return made;
}

/// Null removes the tile.
void TileStore::put(TileCoord coord, TilePtr tile) {
  pyramid_.invalidate(coord);
  if (tile) {
    table_[coord] = std::move(tile);
  } else {
    table_.erase(coord);
  }
}

// Writing zeros where nothing is leaves untouched space untouched.
Result<void> TileStore::write_part(const TilePart& part, const std::uint8_t* rgba,
                                   std::size_t stride) {
  if (!table_.contains(part.tile) && is_blank(part, rgba, stride)) return {};
  PX_TRY(const TilePin pin, open_for_write(part.tile, !part.whole()));
  std::uint8_t* out = pin.data() + part.tile_offset;
  for (std::size_t r = 0; r < part.rows; ++r)
    std::memcpy(out + r * kTileRow, rgba + r * stride, part.row_bytes);
  return {};
}

Result<void> TileStore::write_locked(const Rect& rect, Bytes rgba) {
  Result<void> result;
  for_each_part(rect, [&](const TilePart& part) {
    result =
        write_part(part, rgba.data() + part.rect_offset, static_cast<std::size_t>(rect.width) * 4);
    return result.has_value();
  });
  return result;
}

Result<void> TileStore::write(const Rect& rect, Bytes rgba) {
  PX_CHECK(plane_holds(rect));
  PX_CHECK(check_pixel_count(rect, rgba.size()));
  const std::unique_lock lock(content_mutex_);
  return write_locked(rect, rgba);
}

Result<void> TileStore::read(const Rect& rect, MutBytes rgba) const {
  PX_CHECK(plane_holds(rect));
  PX_CHECK(check_pixel_count(rect, rgba.size()));
  const std::shared_lock lock(content_mutex_);
  return read_table(*pool_, table_, rect, rgba);
}

Result<void> TileStore::fill_part(const TilePart& part, Rgba color) {
  PX_TRY(const TilePin pin, open_for_write(part.tile, !part.whole()));
  const std::array<std::uint8_t, 4> pixel{color.r, color.g, color.b, color.a};
  std::uint8_t* first = pin.data() + part.tile_offset;
  for (std::size_t at = 0; at < part.row_bytes; at += 4) std::memcpy(first + at, pixel.data(), 4);
  for (std::size_t r = 1; r < part.rows; ++r)
    std::memcpy(first + r * kTileRow, first, part.row_bytes);
  return {};
}

Result<void> TileStore::fill(const Rect& rect, Rgba color) {
  PX_CHECK(plane_holds(rect));
  if (rect.empty()) return {};
  const TileCoord first = tile_at({rect.x, rect.y});
  const TileCoord last = tile_at({rect.right() - 1, rect.bottom() - 1});
  const auto touched = checked_mul(last.x - first.x + 1, last.y - first.y + 1);
  const std::uint64_t cap = pool_->options().max_tiles;
  if (!touched || static_cast<std::uint64_t>(*touched) > cap)
    return fail(Errc::kLimit, "filling {} x {} pixels touches more than {} tiles", rect.width,
                rect.height, cap);
  const std::unique_lock lock(content_mutex_);
  Result<void> result;
  for_each_part(rect, [&](const TilePart& part) {
    result = fill_part(part, color);
    return result.has_value();
  });
  return result;
}

Result<void> TileStore::clear(const Rect& rect) {
  PX_CHECK(plane_holds(rect));
  const std::unique_lock lock(content_mutex_);
  for (const TileCoord& coord : tiles_in(table_, rect)) {
    const Rect part = intersection(tile_rect(coord), rect);
    if (part == tile_rect(coord)) {
      put(coord, nullptr);
      continue;
    }
    Result<void> result;
    for_each_part(part, [&](const TilePart& p) {
      result = fill_part(p, {0, 0, 0, 0});
      return result.has_value();
    });
    PX_CHECK(result);
  }
  return {};
}

// Bands go in the direction that reads every row before it is overwritten; within a band everything
// is read before anything is written.
Result<void> TileStore::copy(const Rect& from, Point to) {
  const Rect target{to.x, to.y, from.width, from.height};
  PX_CHECK(plane_holds(from));
  PX_CHECK(plane_holds(target));
  if (from.empty() || target == from) return {};
  if (from.width > kMaxCopyWidth)
    return fail(Errc::kLimit, "copying {} x {} pixels: at most {} wide", from.width, from.height,
                kMaxCopyWidth);
  const std::int64_t band = std::clamp<std::int64_t>(kBandPixels / from.width, 1, from.height);
  ByteVector buffer(static_cast<std::size_t>(band * from.width) * 4);
  const std::int64_t bands = (from.height + band - 1) / band;
  const std::unique_lock lock(content_mutex_);
  for (std::int64_t i = 0; i < bands; ++i) {
    const std::int64_t top = (to.y > from.y ? bands - 1 - i : i) * band;
    const std::int64_t rows = std::min(band, from.height - top);
    const MutBytes pixels = MutBytes(buffer).first(static_cast<std::size_t>(rows * from.width) * 4);
    PX_CHECK(read_table(*pool_, table_, {from.x, from.y + top, from.width, rows}, pixels));
    PX_CHECK(write_locked({to.x, to.y + top, from.width, rows}, pixels));
  }
  return {};
}

Result<void> TileStore::draw(const PyramidView& view, const PixelSink& sink) const {
  const std::shared_lock lock(content_mutex_);
  if (table_.empty()) return {};
  return pyramid_.draw(*pool_, table_, view, sink);
}

Result<std::optional<TilePin>> TileStore::pin(const Rect& rect) const {
  PX_CHECK(plane_holds(rect));
  const TileCoord coord = tile_at({rect.x, rect.y});
  const bool one = !rect.empty() && intersection(tile_rect(coord), rect) == rect;
  const std::shared_lock lock(content_mutex_);
  const auto found = table_.find(coord);
  if (!one || found == table_.end()) return std::optional<TilePin>();
  PX_TRY(TilePin pin, pool_->pin(found->second, TileAccess::kRead));
  return std::optional<TilePin>(std::move(pin));
}

TileSnapshot TileStore::snapshot() const {
  const std::shared_lock lock(content_mutex_);
  TileSnapshot out;
  out.pool_ = pool_;
  out.table_ = std::make_shared<const TileTable>(table_);
  return out;
}

Result<void> TileStore::restore(const TileSnapshot& snapshot) {
  if (snapshot.pool_ != pool_) return fail(Errc::kUsage, "a snapshot of another plane");
  const std::unique_lock lock(content_mutex_);
  table_ = *snapshot.table_;
  pyramid_.clear();
  return {};
}

/// Whole tiles are shared again, parts at the edges are copied.
Result<void> TileStore::restore_part(const TileTable& old, TileCoord coord, const Rect& part) {
  if (part == tile_rect(coord)) {
    const auto found = old.find(coord);
    put(coord, found == old.end() ? nullptr : found->second);
    return {};
  }
  ByteVector pixels(static_cast<std::size_t>(part.width * part.height) * 4);
  PX_CHECK(read_table(*pool_, old, part, pixels));
  return write_locked(part, pixels);
}

Result<void> TileStore::restore(const TileSnapshot& snapshot, const Rect& rect) {
  if (snapshot.pool_ != pool_) return fail(Errc::kUsage, "a snapshot of another plane");
  PX_CHECK(plane_holds(rect));
  const std::unique_lock lock(content_mutex_);
  std::vector<TileCoord> coords = tiles_in(table_, rect);
  const std::vector<TileCoord> were = tiles_in(*snapshot.table_, rect);
  coords.insert(coords.end(), were.begin(), were.end());
  std::sort(coords.begin(), coords.end());
  coords.erase(std::unique(coords.begin(), coords.end()), coords.end());
  for (const TileCoord& coord : coords)
    PX_CHECK(restore_part(*snapshot.table_, coord, intersection(tile_rect(coord), rect)));
  return {};
}

// Writers wait, readers do not.
Result<void> TileStore::flush() {
  const std::shared_lock lock(content_mutex_);
  const bool lasts = pool_->with_file([](TileFile* f) { return f != nullptr && f->persistent(); });
  if (!lasts) return fail(Errc::kUsage, "the plane has no folder to be written to");
  std::vector<TileEntry> entries;
  for (const auto& [coord, tile] : table_) {
    PX_TRY(const TileSlot slot, pool_->save(tile));
    entries.push_back({coord, slot.index, slot.checksum});
  }
  std::sort(entries.begin(), entries.end(),
            [](const TileEntry& a, const TileEntry& b) { return a.tile < b.tile; });
  return pool_->with_file([&](TileFile* f) { return f->commit(std::move(entries)); });
}

std::uint64_t TileStore::tiles() const {
  const std::shared_lock lock(content_mutex_);
  return table_.size();
}

}  // namespace pxos::infinite_map
