#pragma once
// The geography of the map: where a new region goes, given what is there. Pure bookkeeping of
// rectangles; the map checks against the spatial index and slides on when a place is taken.
//
// Models are stacked southwards, each from its own top line (the first at y = 0):
//   weights     x < 0, one band per layer going south, regions of a band side by side going west;
//   weights of
//               no layer (embedding, output) form a column west of the bands
//   activation  from x = 0, stacked southwards
//   KV          east of the activations, side by side
//   program     under everything else of the model, side by side
//   screen      y < 0, north of all models, side by side

#include "infinite_map/map.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace pxos::infinite_map {

inline constexpr std::int64_t kRegionGap = 16;
inline constexpr std::int64_t kModelGap = 256;

class Placer {
 public:
  /// The wanted upper left corner.
  [[nodiscard]] Point choose(const RegionSpec& spec) const;
  /// Where to try next when `taken` is in the way: south of it, for screens north of it.
  [[nodiscard]] static Point next(const RegionSpec& spec, Point tried, const Rect& taken);

  void added(const Region& region);
  void removed(const Region& region);

 private:
  /// Rectangles of one band, and the one around them.
  struct Band {
    std::map<std::uint32_t, Rect> members;  ///< by region index
    Rect bounds;
  };
  struct BandKey {
    RegionKind kind;
    std::int32_t layer;
    friend auto operator<=>(const BandKey&, const BandKey&) = default;
  };
  struct Model {
    std::int64_t top = 0;
    std::map<BandKey, Band> bands;
  };

  static Rect kind_bounds(const Model& model, RegionKind kind);
  [[nodiscard]] std::int64_t new_top() const;
  [[nodiscard]] Point choose_weights(const RegionSpec& spec, const Model& model) const;
  [[nodiscard]] Point choose_screen(const RegionSpec& spec) const;

  std::map<std::string, Model, std::less<>> models_;
};

}  // namespace pxos::infinite_map
