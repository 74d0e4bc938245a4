#include "infinite_map/render.hpp"

#include "infinite_map/palette.hpp"
#include "pixelfs/font.hpp"

#include <algorithm>
#include <vector>

namespace pxos::infinite_map {
namespace {

constexpr std::int64_t kMinBorderPx = 6;  ///< smaller regions get no border
constexpr std::int64_t kMinBlockPx = 5;   ///< finer block grids would hide the pixels
constexpr std::int64_t kLabelHeight = 18;
constexpr Rgba kLabelGround{10, 11, 14, 255};

/// Picture columns (or rows) [begin, end) whose map coordinate lies in a half-open interval.
struct Span {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// Coordinates ascend, so both ends are binary searches.
Span span_of(const std::vector<std::int64_t>& coordinates, std::int64_t low, std::int64_t high) {
  const auto begin = std::lower_bound(coordinates.begin(), coordinates.end(), low);
  const auto end = std::lower_bound(begin, coordinates.end(), high);
  return {begin - coordinates.begin(), end - coordinates.begin()};
}

/// One hue per country of the map.
Rgba border_color(RegionKind kind) {
  switch (kind) {
    case RegionKind::kWeights:
      return {92, 108, 140, 255};
    case RegionKind::kActivation:
      return {170, 96, 60, 255};
    case RegionKind::kKv:
      return {60, 140, 140, 255};
    case RegionKind::kScreen:
      return {150, 150, 150, 255};
    case RegionKind::kProgram:
      return {130, 110, 170, 255};
  }
  return {128, 128, 128, 255};
}

/// The region's name without its model's: neighbours share that, and room is short.
std::string_view label_of(const Region& region) {
  const std::string_view name = region.name;
  const std::size_t prefix = region.model.size() + 1;
  const bool owned = !region.model.empty() && name.size() > prefix &&
                     name.starts_with(region.model) && name[prefix - 1] == '/';
  return owned ? name.substr(prefix) : name;
}

/// Owns the picture while it is drawn; coordinates of columns and rows are computed once.
class Painter {
 public:
  Painter(const Projection& projection, const TileStore& tiles) : tiles_(tiles) {
    image_.width = projection.width;
    image_.height = projection.height;
    image_.channels = 4;
    image_.pixels.resize(std::size_t{projection.width} * projection.height * 4);
    for (std::int64_t i = 0; i < projection.width; ++i) xs_.push_back(projection.map_x(i));
    for (std::int64_t j = 0; j < projection.height; ++j) ys_.push_back(projection.map_y(j));
  }

  /// Background and tiles, the whole picture.
  void ground() {
    const Span columns{0, std::int64_t{image_.width}};
    for (std::int64_t j = 0; j < image_.height; ++j) {
      for (std::int64_t i = 0; i < image_.width; ++i) put(i, j, kBackground);
      if (tiles_.bytes() != 0) tile_row(columns, j);
    }
  }

  /// Samples one row of the region at a time; the source sees region coordinates, ascending.
  void region(const Region& region) {
    if (!region.source) return;  // tiles are the ground
    const Span columns = span_of(xs_, region.rect.x, region.rect.right());
    const Span rows = span_of(ys_, region.rect.y, region.rect.bottom());
    if (columns.size() == 0) return;
    locals_.resize(static_cast<std::size_t>(columns.size()));
    values_.resize(locals_.size());
    colors_.resize(locals_.size());
    for (std::size_t i = 0; i < locals_.size(); ++i) {
      locals_[i] = xs_[static_cast<std::size_t>(columns.begin) + i] - region.rect.x;
    }
    const std::int64_t filled = region.source->filled_rows ? region.source->filled_rows() : -1;
    for (std::int64_t j = rows.begin; j < rows.end; ++j) {
      sample(*region.source, ys_[static_cast<std::size_t>(j)] - region.rect.y, filled);
      for (std::int64_t i = columns.begin; i < columns.end; ++i) {
        blend(i, j, colors_[static_cast<std::size_t>(i - columns.begin)]);
      }
    }
  }

  /// One pixel inside the region's own edge, so that neighbours do not draw over each other.
  void border(const Region& region) {
    const Span columns = span_of(xs_, region.rect.x, region.rect.right());
    const Span rows = span_of(ys_, region.rect.y, region.rect.bottom());
    if (columns.size() < kMinBorderPx || rows.size() < kMinBorderPx) return;
    const Rgba color = border_color(region.kind);
    blocks(region, columns, rows);
    horizontal(rows.begin, columns, color);
    horizontal(rows.end - 1, columns, color);
    vertical(columns.begin, rows, color);
    vertical(columns.end - 1, rows, color);
  }

  /// The name in the upper left corner, as much of it as fits; none when fewer than three letters
  /// would.
  void label(const Region& region) {
    const Span columns = span_of(xs_, region.rect.x, region.rect.right());
    const Span rows = span_of(ys_, region.rect.y, region.rect.bottom());
    const std::int64_t room = (columns.size() - 6) / pixelfs::font::kGlyphWidth;
    if (room < 3 || rows.size() < kLabelHeight + 4) return;
    const std::string_view text = label_of(region);
    const std::size_t letters = std::min(text.size(), static_cast<std::size_t>(room));
    const std::int64_t width = static_cast<std::int64_t>(letters) * pixelfs::font::kGlyphWidth + 4;
    for (std::int64_t j = rows.begin + 1; j < rows.begin + 1 + kLabelHeight; ++j) {
      horizontal(j, {columns.begin + 1, columns.begin + 1 + width}, kLabelGround);
    }
    (void)pixelfs::font::draw_text(image_, columns.begin + 3, rows.begin + 2,
                                   text.substr(0, letters));
  }

  pixelfs::Image take() { return std::move(image_); }

 private:
  std::uint8_t* at(std::int64_t i, std::int64_t j) {
    return image_.pixels.data() +
           (static_cast<std::size_t>(j) * image_.width + static_cast<std::size_t>(i)) * 4;
  }

  void put(std::int64_t i, std::int64_t j, Rgba color) {
    std::uint8_t* p = at(i, j);
    p[0] = color.r;
    p[1] = color.g;
    p[2] = color.b;
    p[3] = 255;
  }

  /// color over what is there; the picture stays opaque.
  void blend(std::int64_t i, std::int64_t j, Rgba color) {
    if (color.a == 255) return put(i, j, color);
    const auto mix = [&](unsigned under, unsigned over) {
      return static_cast<std::uint8_t>((under * (255U - color.a) + over * color.a + 127U) / 255U);
    };
    const std::uint8_t* p = at(i, j);
    put(i, j, {mix(p[0], color.r), mix(p[1], color.g), mix(p[2], color.b), 255});
  }

  void tile_row(Span columns, std::int64_t j) {
    for (std::int64_t i = columns.begin; i < columns.end; ++i) {
      const std::uint8_t* p =
          tiles_.pixel(xs_[static_cast<std::size_t>(i)], ys_[static_cast<std::size_t>(j)]);
      if (p != nullptr) blend(i, j, {p[0], p[1], p[2], p[3]});
    }
  }

  /// Fills colors_ for one row of a region; `filled` < 0: every row counts as new.
  void sample(const RegionSource& source, std::int64_t y, std::int64_t filled) {
    const SampleRow where{y, locals_};
    if (source.colors) return source.colors(where, colors_);
    if (filled >= 0 && y >= filled) {
      std::fill(colors_.begin(), colors_.end(), unfilled_color(y));
      return;
    }
    source.values(where, values_);
    const float factor = 1.0F / (source.scale > 0 ? source.scale : 1.0F);
    const float age =
        filled > 0 ? static_cast<float>(filled - 1 - y) / static_cast<float>(filled) : 0.0F;
    for (std::size_t i = 0; i < colors_.size(); ++i) {
      colors_[i] = color_of(source.palette, values_[i] * factor, age);
    }
  }

  /// t = value / scale.
  static Rgba color_of(Palette palette, float t, float age) {
    switch (palette) {
      case Palette::kDiverging:
        return diverging_color(t);
      case Palette::kHeat:
        return heat_color(t);
      case Palette::kAge:
        return age_color(t, age);
    }
    return kNotANumber;
  }

  /// Lines between heads or other blocks, where they are far enough apart to see.
  void blocks(const Region& region, Span columns, Span rows) {
    const Rgba color{border_color(region.kind).r, border_color(region.kind).g,
                     border_color(region.kind).b, 110};
    const auto lines = [](std::int64_t block, std::int64_t extent, std::int64_t shown) {
      return block > 0 && extent > block && shown / (extent / block) >= kMinBlockPx;
    };
    if (lines(region.block_width_px, region.rect.width, columns.size())) {
      for (std::int64_t i = columns.begin + 1; i < columns.end; ++i) {
        if (block_of(xs_, i, region.rect.x, region.block_width_px) ==
            block_of(xs_, i - 1, region.rect.x, region.block_width_px)) {
          continue;
        }
        for (std::int64_t j = rows.begin; j < rows.end; ++j) blend(i, j, color);
      }
    }
    if (!lines(region.block_height_px, region.rect.height, rows.size())) return;
    for (std::int64_t j = rows.begin + 1; j < rows.end; ++j) {
      if (block_of(ys_, j, region.rect.y, region.block_height_px) ==
          block_of(ys_, j - 1, region.rect.y, region.block_height_px)) {
        continue;
      }
      for (std::int64_t i = columns.begin; i < columns.end; ++i) blend(i, j, color);
    }
  }

  /// Number of the block that a column or row shows; a line is drawn where it changes.
  static std::int64_t block_of(const std::vector<std::int64_t>& coordinates, std::int64_t i,
                               std::int64_t origin, std::int64_t block) {
    return (coordinates[static_cast<std::size_t>(i)] - origin) / block;
  }

  void horizontal(std::int64_t j, Span columns, Rgba color) {
    for (std::int64_t i = columns.begin; i < columns.end; ++i) put(i, j, color);
  }
  void vertical(std::int64_t i, Span rows, Rgba color) {
    for (std::int64_t j = rows.begin; j < rows.end; ++j) put(i, j, color);
  }

  const TileStore& tiles_;
  pixelfs::Image image_;
  std::vector<std::int64_t> xs_, ys_;  ///< map coordinate of each column and row
  std::vector<std::int64_t> locals_;
  std::vector<float> values_;
  std::vector<Rgba> colors_;
};

}  // namespace

Result<void> check_projection(const Projection& p) {
  constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 26U;
  constexpr std::uint32_t kMaxSide = 1U << 16U;
  constexpr std::int64_t kMaxView = std::int64_t{1} << 44U;
  if (p.width == 0 || p.height == 0 || p.view.empty() || !is_valid(p.view)) {
    return fail(Errc::kUsage, "cannot render {} x {} map pixels as {} x {}", p.view.width,
                p.view.height, p.width, p.height);
  }
  const bool large =
      p.width > kMaxSide || p.height > kMaxSide || std::uint64_t{p.width} * p.height > kMaxPixels;
  if (large || p.view.width > kMaxView || p.view.height > kMaxView) {
    return fail(Errc::kLimit,
                "cannot render {} x {} map pixels as {} x {}: at most 2^26 pixels of 2^44 a side",
                p.view.width, p.view.height, p.width, p.height);
  }
  return {};
}

pixelfs::Image render_map(const Projection& projection, std::span<const Region> regions,
                          const TileStore& tiles, const RenderOptions& options) {
  Painter painter(projection, tiles);
  painter.ground();
  for (const Region& r : regions) painter.region(r);
  if (options.borders) {
    for (const Region& r : regions) painter.border(r);
  }
  if (options.labels) {
    for (const Region& r : regions) painter.label(r);
  }
  return painter.take();
}

}  // namespace pxos::infinite_map
