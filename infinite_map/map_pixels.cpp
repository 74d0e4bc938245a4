// Pixels of regions: by rectangle, from region to region, and for the vm.

#include "infinite_map/map_impl.hpp"
#include "infinite_map/sampling.hpp"
#include "pxvm/vm/tile_port.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace pxos::infinite_map {
namespace {

constexpr std::int64_t kBandPixels = std::int64_t{1} << 20U;

/// The rectangle on the plane. Errors: kUsage when it leaves the region.
Result<Rect> on_plane(const Region& region, const Rect& local) {
  const Rect all{0, 0, region.rect.width, region.rect.height};
  const bool inside = is_valid(local) && local.x >= 0 && local.y >= 0 &&
                      local.right() <= all.width && local.bottom() <= all.height;
  if (!inside) {
    return fail(Errc::kUsage, "{} x {} pixels at ({}, {}) are not inside map region {} of {} x {}",
                local.width, local.height, local.x, local.y, region.name, all.width, all.height);
  }
  return Rect{region.rect.x + local.x, region.rect.y + local.y, local.width, local.height};
}

Result<void> is_tiled(const Region& region) {
  if (!region.source) return {};
  return fail(Errc::kDenied, "map region {} shows memory, it cannot be written", region.name);
}

/// Requires: rgba.size() == 4 * rect.width * rect.height.
Result<void> read_pixels(const Region& region, const TileStore& tiles, const Rect& rect,
                         MutBytes rgba) {
  if (!region.source) return tiles.read(rect, rgba);
  sample_pixels(*region.source,
                {rect.x - region.rect.x, rect.y - region.rect.y, rect.width, rect.height}, rgba);
  return {};
}

}  // namespace

Result<void> Map::read(RegionId id, const Rect& local, MutBytes rgba) const {
  const std::shared_lock lock(impl_->mutex);
  PX_TRY(const Region* const region, impl_->live(id));
  PX_TRY(const Rect rect, on_plane(*region, local));
  PX_CHECK(check_pixel_count(rect, rgba.size()));
  return read_pixels(*region, *impl_->tiles, rect, rgba);
}

Result<void> Map::write(RegionId id, const Rect& local, Bytes rgba) {
  const std::shared_lock lock(impl_->mutex);
  PX_TRY(const Region* const region, impl_->live(id));
  PX_CHECK(is_tiled(*region));
  PX_TRY(const Rect rect, on_plane(*region, local));
  return impl_->tiles->write(rect, rgba);
}

Result<void> Map::fill(RegionId id, const Rect& local, Rgba color) {
  const std::shared_lock lock(impl_->mutex);
  PX_TRY(const Region* const region, impl_->live(id));
  PX_CHECK(is_tiled(*region));
  PX_TRY(const Rect rect, on_plane(*region, local));
  if (color == Rgba{0, 0, 0, 0}) return impl_->tiles->clear(rect);
  return impl_->tiles->fill(rect, color);
}

// Tiles to tiles goes through the store, which minds the overlap. A source cannot overlap a target:
// regions do not, and a region with a source is no target.
Result<void> Map::blit(RegionId from, const Rect& local, RegionId to, Point where) {
  const std::shared_lock lock(impl_->mutex);
  PX_TRY(const Region* const source, impl_->live(from));
  PX_TRY(const Region* const target, impl_->live(to));
  PX_CHECK(is_tiled(*target));
  PX_TRY(const Rect rect, on_plane(*source, local));
  PX_TRY(const Rect into, on_plane(*target, {where.x, where.y, local.width, local.height}));
  if (!source->source) return impl_->tiles->copy(rect, {into.x, into.y});
  if (rect.empty()) return {};
  if (rect.width > kBandPixels)
    return fail(Errc::kLimit, "blit of {} pixels a row, at most {}", rect.width, kBandPixels);
  const std::int64_t band = std::clamp<std::int64_t>(kBandPixels / rect.width, 1, rect.height);
  ByteVector buffer(static_cast<std::size_t>(band * rect.width) * 4);
  for (std::int64_t y = 0; y < rect.height; y += band) {
    const std::int64_t rows = std::min(band, rect.height - y);
    const MutBytes pixels = MutBytes(buffer).first(static_cast<std::size_t>(rows * rect.width) * 4);
    PX_CHECK(read_pixels(*source, *impl_->tiles, {rect.x, rect.y + y, rect.width, rows}, pixels));
    PX_CHECK(impl_->tiles->write({into.x, into.y + y, rect.width, rows}, pixels));
  }
  return {};
}

Result<void> Map::restore(const TileSnapshot& snapshot, RegionId id) {
  const std::shared_lock lock(impl_->mutex);
  PX_TRY(const Region* const region, impl_->live(id));
  PX_CHECK(is_tiled(*region));
  return impl_->tiles->restore(snapshot, region->rect);
}

/// One region for one guest. Pins are private copies: a read pin cannot be torn by a writer, and a
/// write pin shows when it is whole.
class Map::RegionPort final : public vm::TilePort {
 public:
  RegionPort(Impl& map, RegionId id) : map_(map), id_(id) {}

  Result<void> read(const vm::PixelRect& rect, MutBytes rgba) override {
    return on_region(rect, [&](const Rect& r) { return map_.tiles->read(r, rgba); });
  }
  Result<void> write(const vm::PixelRect& rect, Bytes rgba) override {
    return on_region(rect, [&](const Rect& r) { return map_.tiles->write(r, rgba); });
  }
  Result<void> fill(const vm::PixelRect& rect, std::uint32_t rgba) override {
    const Rgba color{static_cast<std::uint8_t>(rgba), static_cast<std::uint8_t>(rgba >> 8U),
                     static_cast<std::uint8_t>(rgba >> 16U),
                     static_cast<std::uint8_t>(rgba >> 24U)};
    return on_region(rect, [&](const Rect& r) { return map_.tiles->fill(r, color); });
  }

  Result<vm::PinnedPixels> pin(const vm::PixelRect& rect, vm::PinMode mode) override;
  Result<void> unpin(std::uint64_t id) override;

 private:
  static constexpr std::int64_t kMaxPinnedPixels = std::int64_t{1} << 24U;
  static constexpr std::size_t kMaxPins = std::size_t{1} << 10U;

  struct Pin {
    vm::PixelRect rect;
    vm::PinMode mode;
    std::optional<TilePin> tile;  ///< a read pin inside one tile borrows it
    ByteVector copy;
  };

  /// Runs use(rectangle on the plane) while the region cannot go.
  template <class Use>
  Result<void> on_region(const vm::PixelRect& rect, Use use) const {
    const std::shared_lock lock(map_.mutex);
    PX_TRY(const Region* const region, map_.live(id_));
    PX_TRY(const Rect r, on_plane(*region, {rect.x, rect.y, rect.width, rect.height}));
    return use(r);
  }
  [[nodiscard]] bool write_pinned(const vm::PixelRect& rect) const;

  Impl& map_;
  RegionId id_;
  std::mutex mutex_;  ///< guards pins_; taken before the map's
  std::map<std::uint64_t, Pin> pins_;
  std::uint64_t next_id_ = 1;
};

bool Map::RegionPort::write_pinned(const vm::PixelRect& rect) const {
  const Rect wanted{rect.x, rect.y, rect.width, rect.height};
  return std::any_of(pins_.begin(), pins_.end(), [&](const auto& entry) {
    const vm::PixelRect& r = entry.second.rect;
    return entry.second.mode == vm::PinMode::kWrite &&
           wanted.overlaps({r.x, r.y, r.width, r.height});
  });
}

Result<vm::PinnedPixels> Map::RegionPort::pin(const vm::PixelRect& rect, vm::PinMode mode) {
  const std::scoped_lock lock(mutex_);
  const bool large = rect.width > kMaxPinnedPixels || rect.height > kMaxPinnedPixels ||
                     (rect.height > 0 && rect.width > kMaxPinnedPixels / rect.height);
  if (large || pins_.size() >= kMaxPins)
    return fail(Errc::kLimit, "cannot pin {} x {} pixels: at most 2^24, {} pins at once",
                rect.width, rect.height, kMaxPins);
  Pin pin{rect, mode, std::nullopt, {}};
  vm::PinnedPixels out{next_id_, nullptr, static_cast<std::size_t>(rect.width) * 4, rect.width,
                       rect.height};
  PX_CHECK(on_region(rect, [&](const Rect& r) -> Result<void> {
    if (write_pinned(rect))
      return fail(Errc::kDenied, "{} x {} pixels at ({}, {}) are pinned for writing", rect.width,
                  rect.height, rect.x, rect.y);
    if (mode == vm::PinMode::kRead) {
      PX_TRY(pin.tile, map_.tiles->pin(r));
    }
    if (pin.tile) {
      out.data = pin.tile->data() + offset_in_tile({r.x, r.y});
      out.stride_bytes = static_cast<std::size_t>(kTileSide) * 4;
      return {};
    }
    pin.copy.resize(static_cast<std::size_t>(r.width * r.height) * 4);
    return map_.tiles->read(r, pin.copy);
  }));
  // A vector keeps its place when it is moved into the table.
  if (!pin.tile) out.data = pin.copy.data();
  pins_.emplace(next_id_++, std::move(pin));
  return out;
}

Result<void> Map::RegionPort::unpin(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  auto node = pins_.extract(id);
  if (node.empty()) return fail(Errc::kNotFound, "pin {} is not there", id);
  const Pin& pin = node.mapped();
  if (pin.mode == vm::PinMode::kRead) return {};
  return on_region(pin.rect, [&](const Rect& r) { return map_.tiles->write(r, pin.copy); });
}

Result<std::unique_ptr<vm::TilePort>> Map::port(RegionId id) {
  const std::shared_lock lock(impl_->mutex);
  PX_TRY(const Region* const region, impl_->live(id));
  PX_CHECK(is_tiled(*region));
  return std::make_unique<RegionPort>(*impl_, id);
}

}  // namespace pxos::infinite_map
