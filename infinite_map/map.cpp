#include "infinite_map/map.hpp"

#include "infinite_map/map_impl.hpp"
#include "infinite_map/render.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>

namespace pxos::infinite_map {
namespace {

constexpr std::int64_t kMaxSide = std::int64_t{1} << 40U;
constexpr std::int64_t kMaxCoordinate = std::int64_t{1} << 61U;

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

Result<const Region*> Map::Impl::live(RegionId id) const {
  const bool alive =
      id.index < slots.size() && generations[id.index] == id.generation && slots[id.index];
  if (!alive)
    return fail(Errc::kNotFound, "map region id {}.{} is not there", id.index, id.generation);
  return &region(id.index);
}

Result<void> Map::Impl::check(const RegionSpec& spec) const {
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

// Slots are reused last in, first out: same calls, same ids.
RegionId Map::Impl::insert(RegionSpec spec, const Rect& rect) {
  if (free_slots.empty()) {
    free_slots.push_back(static_cast<std::uint32_t>(slots.size()));
    slots.emplace_back();
    generations.push_back(0);
  }
  const std::uint32_t at = free_slots.back();
  free_slots.pop_back();
  Region region;
  region.id = {at, generations[at]};
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
  slots[at] = std::move(region);
  return slots[at]->id;
}

// The pixels of a tiled region go with it: whoever gets the place next must not see them. Where
// that fails, the tile cannot be read by anybody.
void Map::Impl::erase(std::uint32_t at) {
  std::optional<Region>& slot = slots[at];
  if (!slot->source) static_cast<void>(tiles->clear(slot->rect));
  names.erase(slot->name);
  index.erase(slot->rect, at);
  placer.removed(*slot);
  slot.reset();
  ++generations[at];
  free_slots.push_back(at);
}

/// Takes the placer's wish, then slides on while something is in the way.
Result<RegionId> Map::Impl::place(RegionSpec spec) {
  PX_CHECK(check(spec));
  Point where = placer.choose(spec);
  // Every step leaves one region behind for good, so this ends.
  for (;;) {
    const Rect rect{where.x, where.y, spec.width_px, spec.height_px};
    if (!within(rect))
      return fail(Errc::kLimit, "map region {}: no room at ({}, {})", spec.name, where.x, where.y);
    const std::optional<std::uint32_t> taken = index.any_in(rect);
    if (!taken) return insert(std::move(spec), rect);
    where = Placer::next(spec, where, region(*taken).rect);
  }
}

std::vector<Region> Map::Impl::regions_in(const Rect& rect) const {
  std::vector<Region> out;
  for (const std::uint32_t at : index.in(rect)) out.push_back(region(at));
  return out;
}

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

Map::Map(TileOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->tiles = std::make_unique<TileStore>(std::move(options));
}

Result<Map> Map::open(const std::filesystem::path& folder, TileOptions options) {
  PX_TRY(std::unique_ptr<TileStore> tiles, TileStore::open(folder, std::move(options)));
  Map map;
  map.impl_->tiles = std::move(tiles);  // the spill file of the other one was never made
  return map;
}

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
  PX_CHECK(impl_->live(id));
  impl_->erase(id.index);
  return {};
}

std::size_t Map::remove_model(std::string_view model) {
  const std::unique_lock lock(impl_->mutex);
  std::size_t count = 0;
  for (std::uint32_t at = 0; at < impl_->slots.size(); ++at) {
    if (!impl_->slots[at] || impl_->region(at).model != model) continue;
    impl_->erase(at);
    ++count;
  }
  return count;
}

Result<Region> Map::get(RegionId id) const {
  const std::shared_lock lock(impl_->mutex);
  PX_TRY(const Region* const region, impl_->live(id));
  return *region;
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

std::optional<RegionId> Map::id_at(Point point) const {
  const std::shared_lock lock(impl_->mutex);
  const std::optional<std::uint32_t> found = impl_->index.at(point);
  if (!found) return std::nullopt;
  return RegionId{*found, impl_->generations[*found]};
}

std::vector<Region> Map::in(const Rect& rect) const {
  const std::shared_lock lock(impl_->mutex);
  return is_valid(rect) ? impl_->regions_in(rect) : std::vector<Region>{};
}

std::vector<Region> Map::regions() const {
  const std::shared_lock lock(impl_->mutex);
  std::vector<Region> out;
  for (const std::optional<Region>& slot : impl_->slots) {
    if (slot) out.push_back(*slot);
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
  for (const std::optional<Region>& slot : impl_->slots) {
    const bool counts = slot && (model.empty() || slot->model == model);
    if (counts) out = united(out, slot->rect);
  }
  return out;
}

namespace {
/// Whether `place` is the whole of `name` or its beginning up to a mark.
bool begins(std::string_view name, std::string_view place) {
  if (place.empty() || !name.starts_with(place)) return false;
  return name.size() == place.size() ||
         std::string_view(".[/").find(name[place.size()]) != std::string_view::npos;
}
}  // namespace

Rect Map::bounds_of(std::string_view place) const {
  const std::shared_lock lock(impl_->mutex);
  Rect out;
  for (const std::optional<Region>& slot : impl_->slots) {
    if (!slot) continue;
    const std::string_view name = slot->name;
    const std::string_view model = slot->model;
    const bool owned = !model.empty() && begins(name, model) && name.size() > model.size();
    if (begins(name, place) || (owned && begins(name.substr(model.size() + 1), place)))
      out = united(out, slot->rect);
  }
  return out;
}

TileStore& Map::tiles() {
  return *impl_->tiles;
}
const TileStore& Map::tiles() const {
  return *impl_->tiles;
}

struct Capture::State {
  Projection projection;
  RenderOptions options;
  std::vector<FrameLayer> layers;
  const TileStore* tiles = nullptr;
  MipCache* mips = nullptr;
};

Capture::Capture(std::unique_ptr<State> state) : state_(std::move(state)) {}
Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

Result<pixelfs::Image> Capture::draw() const {
  return draw_frame(state_->projection, state_->layers, *state_->tiles, *state_->mips,
                    state_->options);
}

Result<Capture> Map::capture(const Rect& view, std::uint32_t out_w, std::uint32_t out_h,
                             const RenderOptions& options) const {
  auto state = std::make_unique<Capture::State>();
  state->projection = {view, out_w, out_h};
  state->options = options;
  state->tiles = impl_->tiles.get();
  state->mips = &impl_->mips;
  PX_CHECK(check_projection(state->projection));
  const std::shared_lock lock(impl_->mutex);
  for (const std::uint32_t at : impl_->index.in(view))
    state->layers.push_back(capture_layer(state->projection, impl_->region(at)));
  return Capture(std::move(state));
}

Result<pixelfs::Image> Map::render(const Rect& view, std::uint32_t out_w, std::uint32_t out_h,
                                   const RenderOptions& options) const {
  PX_TRY(const Capture captured, capture(view, out_w, out_h, options));
  return captured.draw();
}

}  // namespace pxos::infinite_map
