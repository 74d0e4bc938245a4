#include "infinite_map/map.hpp"

#include "infinite_map/placer.hpp"
#include "infinite_map/render.hpp"
#include "infinite_map/spatial_index.hpp"
#include "infinite_map/tile_store.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <unordered_map>

namespace pxos::infinite_map {
namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 40U;
constexpr std::int64_t kMaxCoordinate = std::int64_t{1} << 61U;

/// A region's home. The generation grows when the region goes, so old ids stop matching.
struct Slot {
  std::uint32_t generation = 0;
  std::optional<Region> region;
};

/// Keeps every later sum of coordinates, sides and gaps inside 64 bits.
bool within(const Rect& rect) {
  return rect.x >= -kMaxCoordinate && rect.y >= -kMaxCoordinate &&
         rect.x <= kMaxCoordinate - rect.width && rect.y <= kMaxCoordinate - rect.height;
}

/// Order in which place_all places: kind, then layers ascending with "no layer" last, then as
/// given.
bool placed_before(const RegionSpec& a, const RegionSpec& b) {
  const auto layer = [](const RegionSpec& s) {
    return s.layer < 0 ? std::numeric_limits<std::int64_t>::max() : std::int64_t{s.layer};
  };
  return std::pair(a.kind, layer(a)) < std::pair(b.kind, layer(b));
}

}  // namespace

struct Map::Impl {
  mutable std::shared_mutex mutex;
  std::vector<Slot> slots;
  std::vector<std::uint32_t> free_slots;
  std::unordered_map<std::string, std::uint32_t> names;
  SpatialIndex index;
  Placer placer;
  TileStore tiles;

  [[nodiscard]] const Region& region(std::uint32_t slot) const { return *slots[slot].region; }

  /// What can be said about a spec before it has a place.
  [[nodiscard]] Result<void> check(const RegionSpec& spec) const {
    if (spec.name.empty()) return fail(Errc::kInvalid, "a map region needs a name");
    if (names.contains(spec.name))
      return fail(Errc::kInvalid, "map region {} is there already", spec.name);
    if (spec.width_px < 1 || spec.height_px < 1) {
      return fail(Errc::kInvalid, "map region {}: {} x {} pixels", spec.name, spec.width_px,
                  spec.height_px);
    }
    if (spec.width_px > kMaxSide || spec.height_px > kMaxSide) {
      return fail(Errc::kLimit, "map region {}: {} x {} pixels, at most 2^40 a side", spec.name,
                  spec.width_px, spec.height_px);
    }
    return {};
  }

  /// Requires: check passed, rect is free. Slots are reused last in, first out: same calls, same
  /// ids.
  RegionId insert(RegionSpec spec, const Rect& rect) {
    if (free_slots.empty()) {
      free_slots.push_back(static_cast<std::uint32_t>(slots.size()));
      slots.emplace_back();
    }
    const std::uint32_t at = free_slots.back();
    free_slots.pop_back();
    Region region;
    region.id = {at, slots[at].generation};
    region.name = std::move(spec.name);
    region.kind = spec.kind;
    region.layer = spec.layer;
    region.model = std::move(spec.model);
    region.rect = rect;
    region.block_width_px = spec.block_width_px;
    region.block_height_px = spec.block_height_px;
    if (!spec.source.empty())
      region.source = std::make_shared<const RegionSource>(std::move(spec.source));
    names.emplace(region.name, at);
    index.insert(rect, at);
    placer.added(region);
    slots[at].region = std::move(region);
    return slots[at].region->id;
  }

  /// Requires: a live slot.
  void erase(std::uint32_t at) {
    Slot& slot = slots[at];
    names.erase(slot.region->name);
    index.erase(slot.region->rect, at);
    placer.removed(*slot.region);
    slot.region.reset();
    ++slot.generation;
    free_slots.push_back(at);
  }

  /// Takes the placer's wish, then slides on while something is in the way.
  Result<RegionId> place(RegionSpec spec) {
    PX_CHECK(check(spec));
    Point where = placer.choose(spec);
    // Every step leaves one region behind for good, so this ends.
    for (;;) {
      const Rect rect{where.x, where.y, spec.width_px, spec.height_px};
      if (!within(rect))
        return fail(Errc::kLimit, "map region {}: no room at ({}, {})", spec.name, where.x,
                    where.y);
      const std::optional<std::uint32_t> taken = index.any_in(rect);
      if (!taken) return insert(std::move(spec), rect);
      where = Placer::next(spec, where, region(*taken).rect);
    }
  }

  [[nodiscard]] bool alive(RegionId id) const {
    return id.index < slots.size() && slots[id.index].generation == id.generation &&
           slots[id.index].region;
  }

  [[nodiscard]] std::vector<Region> regions_in(const Rect& rect) const {
    std::vector<Region> out;
    for (const std::uint32_t at : index.in(rect)) out.push_back(region(at));
    return out;
  }
};

std::string_view kind_name(RegionKind kind) {
  switch (kind) {
    case RegionKind::kWeights:
      return "weights";
    case RegionKind::kActivation:
      return "activation";
    case RegionKind::kKv:
      return "kv";
    case RegionKind::kScreen:
      return "screen";
    case RegionKind::kProgram:
      return "program";
  }
  return "?";
}

Map::Map() : impl_(std::make_unique<Impl>()) {}
Map::~Map() = default;
Map::Map(Map&&) noexcept = default;
Map& Map::operator=(Map&&) noexcept = default;

Result<RegionId> Map::place(RegionSpec spec) {
  const std::unique_lock lock(impl_->mutex);
  return impl_->place(std::move(spec));
}

Result<std::vector<RegionId>> Map::place_all(std::vector<RegionSpec> specs) {
  const std::unique_lock lock(impl_->mutex);
  std::vector<std::size_t> order(specs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return placed_before(specs[a], specs[b]); });
  std::vector<RegionId> ids(specs.size());
  for (std::size_t done = 0; done < order.size(); ++done) {
    Result<RegionId> id = impl_->place(std::move(specs[order[done]]));
    if (id) {
      ids[order[done]] = *id;
      continue;
    }
    // Backwards, so that slots are free in the order they were before.
    for (std::size_t undo = done; undo > 0; --undo) impl_->erase(ids[order[undo - 1]].index);
    return tl::unexpected<Error>(std::move(id).error());
  }
  return ids;
}

Result<RegionId> Map::place_at(RegionSpec spec, Point where) {
  const std::unique_lock lock(impl_->mutex);
  PX_CHECK(impl_->check(spec));
  const Rect rect{where.x, where.y, spec.width_px, spec.height_px};
  if (!within(rect))
    return fail(Errc::kLimit, "map region {}: ({}, {}) is too far out", spec.name, where.x,
                where.y);
  const std::optional<std::uint32_t> taken = impl_->index.any_in(rect);
  if (taken) {
    return fail(Errc::kInvalid, "map region {} at ({}, {}) would overlap {}", spec.name, where.x,
                where.y, impl_->region(*taken).name);
  }
  return impl_->insert(std::move(spec), rect);
}

Result<void> Map::remove(RegionId id) {
  const std::unique_lock lock(impl_->mutex);
  if (!impl_->alive(id))
    return fail(Errc::kNotFound, "map region id {}.{} is not there", id.index, id.generation);
  impl_->erase(id.index);
  return {};
}

std::size_t Map::remove_model(std::string_view model) {
  const std::unique_lock lock(impl_->mutex);
  std::size_t count = 0;
  for (std::uint32_t at = 0; at < impl_->slots.size(); ++at) {
    if (!impl_->slots[at].region || impl_->region(at).model != model) continue;
    impl_->erase(at);
    ++count;
  }
  return count;
}

Result<Region> Map::get(RegionId id) const {
  const std::shared_lock lock(impl_->mutex);
  if (!impl_->alive(id))
    return fail(Errc::kNotFound, "map region id {}.{} is not there", id.index, id.generation);
  return impl_->region(id.index);
}

std::optional<Region> Map::find(std::string_view name) const {
  const std::shared_lock lock(impl_->mutex);
  const auto found = impl_->names.find(std::string(name));
  if (found == impl_->names.end()) return std::nullopt;
  return impl_->region(found->second);
}

std::optional<Region> Map::at(std::int64_t x, std::int64_t y) const {
  const std::shared_lock lock(impl_->mutex);
  const std::optional<std::uint32_t> found = impl_->index.at({x, y});
  if (!found) return std::nullopt;
  return impl_->region(*found);
}

std::vector<Region> Map::in(const Rect& rect) const {
  const std::shared_lock lock(impl_->mutex);
  return is_valid(rect) ? impl_->regions_in(rect) : std::vector<Region>{};
}

std::vector<Region> Map::regions() const {
  const std::shared_lock lock(impl_->mutex);
  std::vector<Region> out;
  for (const Slot& slot : impl_->slots) {
    if (slot.region) out.push_back(*slot.region);
  }
  return out;
}

std::size_t Map::size() const {
  const std::shared_lock lock(impl_->mutex);
  return impl_->names.size();
}

Rect Map::bounds(std::string_view model) const {
  const std::shared_lock lock(impl_->mutex);
  Rect out;
  for (const Slot& slot : impl_->slots) {
    const bool counts = slot.region && (model.empty() || slot.region->model == model);
    if (counts) out = united(out, slot.region->rect);
  }
  return out;
}

namespace {
/// The rectangle's area in checked arithmetic: 4 * width * height bytes, no more and no less.
Result<void> check_pixels(const Rect& rect, std::size_t bytes) {
  const auto area = is_valid(rect) ? checked_mul(rect.width, rect.height) : std::nullopt;
  const auto size = area ? checked_mul<std::int64_t>(*area, 4) : std::nullopt;
  if (size && static_cast<std::uint64_t>(*size) == bytes) return {};
  return fail(Errc::kUsage, "{} bytes for {} x {} RGBA pixels", bytes, rect.width, rect.height);
}
}  // namespace

Result<void> Map::write(const Rect& rect, Bytes rgba) {
  PX_CHECK(check_pixels(rect, rgba.size()));
  const std::unique_lock lock(impl_->mutex);
  impl_->tiles.write(rect, rgba);
  return {};
}

Result<void> Map::read(const Rect& rect, MutBytes rgba) const {
  PX_CHECK(check_pixels(rect, rgba.size()));
  const std::shared_lock lock(impl_->mutex);
  impl_->tiles.read(rect, rgba);
  return {};
}

std::uint64_t Map::tile_bytes() const {
  const std::shared_lock lock(impl_->mutex);
  return impl_->tiles.bytes();
}

Result<pixelfs::Image> Map::render(const Rect& view, std::uint32_t out_w, std::uint32_t out_h,
                                   const RenderOptions& options) const {
  const Projection projection{view, out_w, out_h};
  PX_CHECK(check_projection(projection));
  const std::shared_lock lock(impl_->mutex);
  return render_map(projection, impl_->regions_in(view), impl_->tiles, options);
}

}  // namespace pxos::infinite_map
