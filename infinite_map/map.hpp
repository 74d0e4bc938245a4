#pragma once
// An unbounded plane of RGBA pixels: anonymous 256 x 256 tiles and named, non-overlapping,
// half-open rectangles (regions) that show tiles, live memory or mapped sheets. Signed 64-bit
// coordinates, x east, y south. Thread-safe: readers run together, a change waits for them. A
// region's source is read under the shared lock, so call render when the guest publishes a
// quiescent point, and remove() before its memory goes.

#include "infinite_map/geometry.hpp"
#include "infinite_map/source.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::infinite_map {

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

class Map {
 public:
  Map();
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
  /// Errors: kNotFound for a stale id.
  Result<void> remove(RegionId id);
  /// Removes every region of a mount; gives their number.
  std::size_t remove_model(std::string_view model);

  [[nodiscard]] Result<Region> get(RegionId id) const;
  [[nodiscard]] std::optional<Region> find(std::string_view name) const;
  [[nodiscard]] std::optional<Region> at(std::int64_t x, std::int64_t y) const;
  /// Regions that touch `rect`, in id order.
  [[nodiscard]] std::vector<Region> in(const Rect& rect) const;
  /// All regions, in id order.
  [[nodiscard]] std::vector<Region> regions() const;
  [[nodiscard]] std::size_t size() const;
  /// Smallest rectangle around all regions (of one model when named); empty rectangle when there
  /// are none.
  [[nodiscard]] Rect bounds(std::string_view model = {}) const;

  /// Writes RGBA pixels to anonymous tiles. Errors: kUsage when pixels.size() != 4 * width *
  /// height.
  Result<void> write(const Rect& rect, Bytes rgba);
  /// Reads anonymous tiles; untouched space gives (0, 0, 0, 0). Errors: kUsage, as write.
  Result<void> read(const Rect& rect, MutBytes rgba) const;
  [[nodiscard]] std::uint64_t tile_bytes() const;

  /// The view scaled to out_w x out_h RGBA pixels (nearest sample at pixel centres): false colour
  /// by kind, region borders and labels. Errors: kLimit when out_w * out_h > 2^26; kUsage for an
  /// empty size.
  Result<pixelfs::Image> render(const Rect& view, std::uint32_t out_w, std::uint32_t out_h,
                                const RenderOptions& options = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pxos::infinite_map
