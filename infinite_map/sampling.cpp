#include "infinite_map/sampling.hpp"

#include "infinite_map/palette.hpp"
#include "infinite_map/tile.hpp"

#include <algorithm>
#include <cmath>

namespace pxos::infinite_map {
namespace {

constexpr std::int64_t kMipRows = 2;
constexpr std::int64_t kMipRun = 32;  ///< columns; one load of a weight block
/// Zoomed out, a picture pixel of live memory averages this many samples a side.
constexpr std::int64_t kLiveSamples = 2;

/// Sums of colours of one row of picture pixels.
struct Mean {
  std::uint32_t r = 0, g = 0, b = 0, a = 0, count = 0;

  void add(Rgba c) {
    r += c.r;
    g += c.g;
    b += c.b;
    a += c.a;
    ++count;
  }
  [[nodiscard]] Rgba color() const {
    if (count == 0) return {0, 0, 0, 0};
    const std::uint32_t half = count / 2;
    return {static_cast<std::uint8_t>((r + half) / count),
            static_cast<std::uint8_t>((g + half) / count),
            static_cast<std::uint8_t>((b + half) / count),
            static_cast<std::uint8_t>((a + half) / count)};
  }
};

/// Colours of one row of a source, values through the palette's table or exactly.
class RowReader {
 public:
  RowReader(const RegionSource& source, bool exact)
      : source_(source),
        exact_(exact),
        filled_(source.filled_rows ? source.filled_rows() : -1),
        table_(source.palette, source.scale) {}

  /// Requires: xs ascends, inside the source. The result holds until the next call.
  std::span<const Rgba> read(std::int64_t y, std::span<const std::int64_t> xs) {
    colors_.resize(xs.size());
    const SampleRow where{y, xs};
    if (source_.colors) {
      source_.colors(where, colors_);
      return colors_;
    }
    if (filled_ >= 0 && y >= filled_) {
      std::fill(colors_.begin(), colors_.end(), unfilled_color(y));
      return colors_;
    }
    values_.resize(xs.size());
    source_.values(where, values_);
    const float age =
        filled_ > 0 ? static_cast<float>(filled_ - 1 - y) / static_cast<float>(filled_) : 0.0F;
    table_.set_age(age);
    const float factor = 1.0F / (source_.scale > 0 ? source_.scale : 1.0F);
    for (std::size_t i = 0; i < xs.size(); ++i)
      colors_[i] = exact_ ? exact_color(values_[i] * factor, age) : table_(values_[i]);
    return colors_;
  }

 private:
  /// t = value / scale.
  [[nodiscard]] Rgba exact_color(float t, float age) const {
    switch (source_.palette) {
      case Palette::kDiverging:
        return diverging_color(t);
      case Palette::kHeat:
        return heat_color(t);
      case Palette::kAge:
        return age_color(t, age);
    }
    return kNotANumber;
  }

  const RegionSource& source_;
  bool exact_;
  std::int64_t filled_;  ///< < 0: every row counts as new
  FalseColor table_;
  std::vector<float> values_;
  std::vector<Rgba> colors_;
};

/// Place `k` of `n` in the footprint of a picture pixel.
std::int64_t place(const SampleAxis& axis, std::size_t i, std::int64_t k, std::int64_t n) {
  return axis.begin[i] + (2 * k + 1) * (axis.end[i] - axis.begin[i]) / (2 * n);
}

/// 64 well-mixed bits of two numbers: where a texel takes its samples.
std::uint64_t jitter(std::uint64_t a, std::uint64_t b) {
  std::uint64_t h = a * 0x9E3779B97F4A7C15U + b * 0xC2B2AE3D27D4EB4FU;
  h = (h ^ (h >> 31U)) * 0xD6E8FEB86659FD93U;
  return h ^ (h >> 32U);
}

/// Columns that the texels [first, first + count) of a mip row take, `per` each. Places beyond the
/// region's last column are moved onto it.
std::vector<std::int64_t> mip_columns(const MipCache::Key& key, std::int64_t count,
                                      std::int64_t per, std::int64_t width) {
  std::vector<std::int64_t> xs;
  xs.reserve(static_cast<std::size_t>(count * per));
  const std::int64_t side = std::int64_t{1} << key.level_x;
  const std::int64_t last_run = std::max<std::int64_t>((width - 1) / kMipRun * kMipRun, 0);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t texel = key.x * kTileSide + i;
    std::int64_t x = texel * side;
    if (side > kMipRun) {
      const auto runs = static_cast<std::uint64_t>(side / kMipRun);
      const auto run = jitter(static_cast<std::uint64_t>(texel), key.level_x) % runs;
      x = std::min(x + static_cast<std::int64_t>(run) * kMipRun, last_run);
    }
    for (std::int64_t k = 0; k < per; ++k) xs.push_back(std::min(x + k, width - 1));
  }
  return xs;
}

/// Row `k` of `n` that mip row `texel` takes: one from each of n bands, jittered so that no period
/// of the matrix shows up as a pattern.
std::int64_t mip_row(std::int64_t texel, unsigned level, std::int64_t k, std::int64_t n) {
  const std::int64_t side = std::int64_t{1} << level;
  const std::int64_t band = side / n;
  const auto at = jitter(static_cast<std::uint64_t>(texel * n + k), level + 64U) %
                  static_cast<std::uint64_t>(band);
  return texel * side + k * band + static_cast<std::int64_t>(at);
}

MipCache::Texels make_texels(const Region& region, const MipCache::Key& key) {
  const auto extent = [](std::int64_t size, unsigned level, std::int64_t tile) {
    const std::int64_t texels = ((size - 1) >> level) + 1;
    return std::min(kTileSide, texels - tile * kTileSide);
  };
  MipCache::Texels out;
  out.width = extent(region.rect.width, key.level_x, key.x);
  out.height = extent(region.rect.height, key.level_y, key.y);
  const std::int64_t per = std::min(std::int64_t{1} << key.level_x, kMipRun);
  const std::int64_t rows = std::min(std::int64_t{1} << key.level_y, kMipRows);
  const std::vector<std::int64_t> xs = mip_columns(key, out.width, per, region.rect.width);
  RowReader reader(*region.source, false);
  for (std::int64_t j = 0; j < out.height; ++j) {
    std::vector<Mean> means(static_cast<std::size_t>(out.width));
    for (std::int64_t k = 0; k < rows; ++k) {
      const std::int64_t y = mip_row(key.y * kTileSide + j, key.level_y, k, rows);
      if (y >= region.rect.height && k > 0) break;
      const auto colors = reader.read(std::min(y, region.rect.height - 1), xs);
      for (std::size_t i = 0; i < colors.size(); ++i)
        means[i / static_cast<std::size_t>(per)].add(colors[i]);
    }
    for (const Mean& mean : means) out.colors.push_back(mean.color());
  }
  return out;
}

/// Texel coordinate of each picture pixel's centre.
std::vector<std::int64_t> texels_of(const SampleAxis& axis) {
  std::vector<std::int64_t> out(axis.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = place(axis, i, 0, 1) >> axis.level;
  return out;
}

}  // namespace

std::shared_ptr<const MipCache::Texels> MipCache::get(const Region& region, const Key& key) {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
      order_.splice(order_.begin(), order_, found->second.place);
      return found->second.texels;
    }
  }
  // Made without the lock: others may look at what is there, or make the same twice.
  auto made = std::make_shared<const Texels>(make_texels(region, key));
  const std::scoped_lock lock(mutex_);
  if (!entries_.contains(key)) {
    order_.push_front(key);
    entries_.emplace(key, Entry{made, order_.begin()});
    bytes_ += made->colors.size() * sizeof(Rgba);
  }
  while (bytes_ > budget_bytes_ && !order_.empty()) {
    const auto last = entries_.find(order_.back());
    bytes_ -= last->second.texels->colors.size() * sizeof(Rgba);
    entries_.erase(last);
    order_.pop_back();
  }
  return made;
}

std::uint64_t MipCache::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

std::vector<Rgba> sample_live(const RegionSource& source, const SampleAxis& xs,
                              const SampleAxis& ys) {
  const std::int64_t per_x = xs.level > 0 ? kLiveSamples : 1;
  const std::int64_t per_y = ys.level > 0 ? kLiveSamples : 1;
  std::vector<std::int64_t> columns;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    for (std::int64_t k = 0; k < per_x; ++k) columns.push_back(place(xs, i, k, per_x));
  }
  RowReader reader(source, per_x * per_y == 1);
  std::vector<Rgba> out;
  out.reserve(xs.size() * ys.size());
  std::int64_t drawn = -1;  // the row the last picture row showed: zoomed in, many show the same
  for (std::size_t j = 0; j < ys.size(); ++j) {
    const std::int64_t y = place(ys, j, 0, 1);
    if (per_y == 1 && y == drawn) {
      out.insert(out.end(), out.end() - static_cast<std::ptrdiff_t>(xs.size()), out.end());
      continue;
    }
    drawn = y;
    std::vector<Mean> means(xs.size());
    for (std::int64_t k = 0; k < per_y; ++k) {
      const auto colors = reader.read(place(ys, j, k, per_y), columns);
      for (std::size_t i = 0; i < colors.size(); ++i)
        means[i / static_cast<std::size_t>(per_x)].add(colors[i]);
    }
    for (const Mean& mean : means) out.push_back(mean.color());
  }
  return out;
}

std::vector<Rgba> sample_mips(MipCache& cache, const Region& region, const SampleAxis& xs,
                              const SampleAxis& ys) {
  if (xs.level == 0 && ys.level == 0) return sample_live(*region.source, xs, ys);
  const std::vector<std::int64_t> columns = texels_of(xs);
  const std::vector<std::int64_t> rows = texels_of(ys);
  std::vector<Rgba> out(xs.size() * ys.size());
  std::size_t i1 = 0;
  for (std::size_t i0 = 0; i0 < columns.size(); i0 = i1) {
    const std::int64_t tile_x = columns[i0] >> kTileBits;
    while (i1 < columns.size() && columns[i1] >> kTileBits == tile_x) ++i1;
    std::shared_ptr<const MipCache::Texels> texels;
    std::int64_t tile_y = -1;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (rows[j] >> kTileBits != tile_y) {
        tile_y = rows[j] >> kTileBits;
        texels = cache.get(region, {region.id, xs.level, ys.level, tile_x, tile_y});
      }
      const std::int64_t line = (rows[j] & (kTileSide - 1)) * texels->width;
      for (std::size_t i = i0; i < i1; ++i) {
        out[j * xs.size() + i] =
            texels->colors[static_cast<std::size_t>(line + (columns[i] & (kTileSide - 1)))];
      }
    }
  }
  return out;
}

void sample_pixels(const RegionSource& source, const Rect& local, MutBytes rgba) {
  std::vector<std::int64_t> xs(static_cast<std::size_t>(local.width));
  for (std::size_t i = 0; i < xs.size(); ++i) xs[i] = local.x + static_cast<std::int64_t>(i);
  RowReader reader(source, true);
  std::size_t at = 0;
  for (std::int64_t y = 0; y < local.height; ++y) {
    for (const Rgba& c : reader.read(local.y + y, xs)) {
      rgba[at++] = c.r;
      rgba[at++] = c.g;
      rgba[at++] = c.b;
      rgba[at++] = c.a;
    }
  }
}

}  // namespace pxos::infinite_map
