#pragma once
// What a region's source looks like on a grid of picture pixels: nearest samples when zoomed in, a
// few averaged samples for live memory when zoomed out, kept smaller versions (mips) for memory
// that never changes. The cost is bounded by the number of picture pixels, never by the region's.

#include "infinite_map/map.hpp"

#include <compare>
#include <list>
#include <map>
#include <mutex>
#include <span>
#include <vector>

namespace pxos::infinite_map {

/// One axis of a picture inside a region: picture pixel i covers map pixels
/// [begin[i], end[i]), region coordinates; end > begin, both ascend.
struct SampleAxis {
  std::vector<std::int64_t> begin;
  std::vector<std::int64_t> end;
  unsigned level = 0;  ///< floor(log2(map pixels per picture pixel)); 0 when zoomed in

  [[nodiscard]] std::size_t size() const { return begin.size(); }
};

/// Smaller versions of immutable regions, made when they are looked at. At level (lx, ly) a texel
/// is the mean colour of at most 2 rows x 32 columns out of 2^ly x 2^lx map pixels, at jittered
/// places: all of them up to level (5, 1). Thread-safe.
class MipCache {
 public:
  explicit MipCache(std::uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  struct Key {
    RegionId id;
    unsigned level_x = 0;
    unsigned level_y = 0;
    std::int64_t x = 0;  ///< tile of 256 x 256 texels
    std::int64_t y = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Texels {
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::vector<Rgba> colors;
  };

  /// Requires: the region has an immutable source; the tile lies inside the region.
  [[nodiscard]] std::shared_ptr<const Texels> get(const Region& region, const Key& key);
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Entry {
    std::shared_ptr<const Texels> texels;
    std::list<Key>::iterator place;
  };
  std::uint64_t budget_bytes_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::list<Key> order_;  ///< front: used last
  std::uint64_t bytes_ = 0;
};

/// Row-major colours, xs.size() x ys.size(), straight from the source.
[[nodiscard]] std::vector<Rgba> sample_live(const RegionSource& source, const SampleAxis& xs,
                                            const SampleAxis& ys);
/// The same through the cache. Requires: an immutable source.
[[nodiscard]] std::vector<Rgba> sample_mips(MipCache& cache, const Region& region,
                                            const SampleAxis& xs, const SampleAxis& ys);
/// Full size. Requires: `local` lies in the region; rgba.size() == 4 * width * height.
void sample_pixels(const RegionSource& source, const Rect& local, MutBytes rgba);

}  // namespace pxos::infinite_map
