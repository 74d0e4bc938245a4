#pragma once
// What is behind the map: regions by slot, by name and by place. Private to the map's own sources.
//
// Locks, in this order: `mutex` (regions), then the tile store's own, then the mip cache's. A
// region cannot go while an operation on it holds `mutex` shared.

#include "infinite_map/fair_shared_mutex.hpp"
#include "infinite_map/map.hpp"
#include "infinite_map/placer.hpp"
#include "infinite_map/sampling.hpp"
#include "infinite_map/spatial_index.hpp"
#include "infinite_map/tile_store.hpp"

#include <unordered_map>

namespace pxos::infinite_map {

inline constexpr std::uint64_t kMipBudgetBytes = std::uint64_t{64} << 20U;

struct Map::Impl {
  mutable FairSharedMutex mutex;
  std::vector<std::optional<Region>> slots;
  /// Of each slot; grows when its region goes, so old ids stop matching. Apart from the regions, so
  /// that a lookup of an id touches little memory.
  std::vector<std::uint32_t, HugeAllocator<std::uint32_t>> generations;
  std::vector<std::uint32_t> free_slots;
  std::unordered_map<std::string, std::uint32_t> names;
  SpatialIndex index;
  Placer placer;
  std::unique_ptr<TileStore> tiles;
  MipCache mips{kMipBudgetBytes};

  [[nodiscard]] const Region& region(std::uint32_t slot) const { return *slots[slot]; }
  /// Errors: kNotFound for a stale id. The reference holds while `mutex` is held.
  [[nodiscard]] Result<const Region*> live(RegionId id) const;
  /// What can be said about a spec before it has a place.
  [[nodiscard]] Result<void> check(const RegionSpec& spec) const;
  /// Requires: check passed, rect is free.
  RegionId insert(RegionSpec spec, const Rect& rect);
  /// Requires: a live slot.
  void erase(std::uint32_t at);
  Result<RegionId> place(RegionSpec spec);
  [[nodiscard]] std::vector<Region> regions_in(const Rect& rect) const;
};

}  // namespace pxos::infinite_map
