#pragma once
// An unbounded plane of RGBA pixels: anonymous 256 x 256 tiles and named, non-overlapping,
// half-open rectangles (regions) that show tiles, live memory or mapped sheets. Signed 64-bit
// coordinates, x east, y south. Thread-safe: readers run together, a change waits for them. A
// region's live source is read under the shared lock, so capture (or render) when the guest
// publishes a quiescent point, and remove() before its memory goes.

#include "infinite_map/geometry.hpp"
#include "infinite_map/source.hpp"
#include "infinite_map/tile_options.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/base/result.hpp"

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::vm {
class TilePort;  // pxvm/vm/tile_port.hpp
}

namespace pxos::infinite_map {

class TileStore;     // infinite_map/tile_store.hpp
class TileSnapshot;  // infinite_map/tile_store.hpp

/// Which country of the map a region lives in.
enum class RegionKind : std::uint8_t {
  kWeights,     ///< west: one band per layer
  kActivation,  ///< middle
  kKv,          ///< east: one row per position, one column group per layer and head
  kScreen,      ///< north: screen and other I/O
  kProgram,     ///< south
};
[[nodiscard]] std::string_view kind_name(RegionKind kind);

/// Index and generation: an id of a removed region is an error, never another region.
struct RegionId {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const RegionId&, const RegionId&) = default;
  friend auto operator<=>(const RegionId&, const RegionId&) = default;
};

struct RegionSpec {
  std::string name;  ///< unique on the map
  RegionKind kind = RegionKind::kActivation;
  std::int32_t layer = -1;  ///< -1: not of a layer (embedding, final norm, logits)
  std::int64_t width_px = 0;
  std::int64_t height_px = 0;
  RegionSource source;               ///< empty: backed by tiles
  std::string model;                 ///< mount name; regions of a model stay together
  std::int64_t block_width_px = 0;   ///< draws a border every so many columns (heads); 0 = none
  std::int64_t block_height_px = 0;  ///< the same for rows
};

struct Region {
  RegionId id;
  std::string name;
  RegionKind kind = RegionKind::kActivation;
  std::int32_t layer = -1;
  std::string model;
  Rect rect;
  std::int64_t block_width_px = 0;
  std::int64_t block_height_px = 0;
  std::shared_ptr<const RegionSource> source;  ///< null: tiles
};

struct RenderOptions {
  bool borders = true;
  bool labels = true;
};

/// A viewport whose live memory has been copied. Keeps the map, and the immutable memory of the
/// regions in it: sheets must stay mapped until it is drawn.
class Capture {
 public:
  Capture(Capture&&) noexcept;
  Capture& operator=(Capture&&) noexcept;
  ~Capture();
  Result<pixelfs::Image> draw() const;

 private:
  friend class Map;
  struct State;
  explicit Capture(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Map {
 public:
  explicit Map(TileOptions options = TileOptions::from_environment());
  /// A map whose anonymous pixels live in a tile folder; tiles().flush() makes changes last.
  /// Regions are not kept: whoever mounts places them anew. Errors: those of TileFile::open.
  static Result<Map> open(const std::filesystem::path& folder,
                          TileOptions options = TileOptions::from_environment());
  ~Map();
  Map(Map&&) noexcept;
  Map& operator=(Map&&) noexcept;

  /// Finds the place by geography (docs/spec/infinite_map.md): a function of the spec and the
  /// regions that are there. Errors: kInvalid (name taken or empty, size < 1), kLimit (side above
  /// 2^40).
  Result<RegionId> place(RegionSpec spec);
  /// Sorts by kind, then layer, then the given order, and places all or none: the same picture for
  /// a model whatever order its tensors come in layers. Ids are in the order of `specs`.
  Result<std::vector<RegionId>> place_all(std::vector<RegionSpec> specs);
  /// Places at exactly (x, y). Errors: those of place; kInvalid names the region it would overlap.
  Result<RegionId> place_at(RegionSpec spec, Point where);
  /// Errors: kNotFound for a stale id. Its pixels go with a region of tiles.
  Result<void> remove(RegionId id);
  /// Removes every region of a mount; gives their number.
  std::size_t remove_model(std::string_view model);

  [[nodiscard]] Result<Region> get(RegionId id) const;
  [[nodiscard]] std::optional<Region> find(std::string_view name) const;
  [[nodiscard]] std::optional<Region> at(std::int64_t x, std::int64_t y) const;
  /// The same without the copy of a Region.
  [[nodiscard]] std::optional<RegionId> id_at(Point point) const;
  /// Regions that touch `rect`, in id order.
  [[nodiscard]] std::vector<Region> in(const Rect& rect) const;
  /// All regions, in id order.
  [[nodiscard]] std::vector<Region> regions() const;
  [[nodiscard]] std::size_t size() const;
  /// Smallest rectangle around all regions (of one model when named); empty rectangle when there
  /// are none.
  [[nodiscard]] Rect bounds(std::string_view model = {}) const;
  /// The same around the regions that `place` names: a region, with or without its model's name in
  /// front, or the beginning of names up to a '.', '[' or '/': "blk.3", "k_cache", "smol".
  [[nodiscard]] Rect bounds_of(std::string_view place) const;

  /// The anonymous pixels of the whole plane, snapshots included. Thread-safe by itself.
  [[nodiscard]] TileStore& tiles();
  [[nodiscard]] const TileStore& tiles() const;

  // Pixels of a region by rectangles in its own coordinates. Errors: kNotFound for a stale id;
  // kUsage for a rectangle that is not inside the region or a wrong byte count; kDenied for writing
  // where the region shows memory the map does not own; those of TileStore.

  /// A region with a source reads as what it looks like at full size (quiescent points, as render).
  Result<void> read(RegionId id, const Rect& local, MutBytes rgba) const;
  Result<void> write(RegionId id, const Rect& local, Bytes rgba);
  Result<void> fill(RegionId id, const Rect& local, Rgba color);
  /// Copies pixels of one region into another, or the same; overlap does not matter.
  Result<void> blit(RegionId from, const Rect& local, RegionId to, Point where);
  /// Makes the pixels of a tiled region what they were.
  Result<void> restore(const TileSnapshot& snapshot, RegionId id);
  /// The vm's way to a tiled region. Keeps the map. Errors: kNotFound; kDenied without tiles.
  Result<std::unique_ptr<vm::TilePort>> port(RegionId id);

  /// The view scaled to out_w x out_h RGBA pixels: tiles, regions in false colour, borders, labels.
  /// Zoomed in, the nearest sample at pixel centres; zoomed out, averages whose cost is bounded by
  /// the picture. Errors: kLimit when out_w * out_h > 2^26; kUsage for an empty size; those of
  /// TileStore.
  Result<pixelfs::Image> render(const Rect& view, std::uint32_t out_w, std::uint32_t out_h,
                                const RenderOptions& options = {}) const;
  /// The first half of render: reads the memory that guests change. Call it when they are paused;
  /// draw() the result while they run on.
  Result<Capture> capture(const Rect& view, std::uint32_t out_w, std::uint32_t out_h,
                          const RenderOptions& options = {}) const;

 private:
  struct Impl;  // infinite_map/map_impl.hpp
  class RegionPort;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pxos::infinite_map
