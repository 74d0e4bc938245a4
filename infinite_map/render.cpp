#include "infinite_map/render.hpp"

#include "infinite_map/palette.hpp"
#include "pixelfs/font.hpp"

#include <algorithm>
#include <bit>
#include <vector>

namespace pxos::infinite_map {
namespace {

constexpr std::int64_t kMinBorderPx = 6;  ///< smaller regions get no border
constexpr std::int64_t kMinBlockPx = 5;   ///< finer block grids would hide the pixels
constexpr std::int64_t kLabelHeight = 18;
constexpr Rgba kLabelGround{10, 11, 14, 255};

/// Picture columns (or rows) whose centre's map coordinate lies in [low, high).
/// Coordinates ascend, so both ends are binary searches.
Span span_of(const std::vector<std::int64_t>& coordinates, std::int64_t low, std::int64_t high) {
  const auto begin = std::lower_bound(coordinates.begin(), coordinates.end(), low);
  const auto end = std::lower_bound(begin, coordinates.end(), high);
  return {begin - coordinates.begin(), end - coordinates.begin()};
}

/// floor(log2(map pixels per picture pixel)); 0 when zoomed in.
unsigned level_of(std::int64_t view, std::int64_t picture) {
  const auto ratio = static_cast<std::uint64_t>(view / picture);
  return ratio < 2 ? 0U : static_cast<unsigned>(std::bit_width(ratio)) - 1U;
}

/// The part of a view's axis that a span of the picture shows, clipped to [low, high) and in
/// coordinates that start at `low`.
struct AxisPart {
  std::int64_t view = 0;
  std::int64_t size = 0;
  std::int64_t picture = 0;
  std::int64_t low = 0;
  std::int64_t high = 0;
};

SampleAxis axis_of(const AxisPart& part, Span span) {
  SampleAxis out;
  out.level = level_of(part.size, part.picture);
  for (std::int64_t i = span.begin; i < span.end; ++i) {
    const std::int64_t begin =
        std::clamp(part.view + i * part.size / part.picture, part.low, part.high - 1);
    const std::int64_t end =
        std::clamp(part.view + (i + 1) * part.size / part.picture, begin + 1, part.high);
    out.begin.push_back(begin - part.low);
    out.end.push_back(end - part.low);
  }
  return out;
}

SampleAxis columns_of(const Projection& p, const FrameLayer& layer) {
  const Rect& r = layer.region.rect;
  return axis_of({p.view.x, p.view.width, p.width, r.x, r.right()}, layer.columns);
}
SampleAxis rows_of(const Projection& p, const FrameLayer& layer) {
  const Rect& r = layer.region.rect;
  return axis_of({p.view.y, p.view.height, p.height, r.y, r.bottom()}, layer.rows);
}

std::vector<std::int64_t> centre_columns(const Projection& p) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < p.width; ++i) out.push_back(p.map_x(i));
  return out;
}
std::vector<std::int64_t> centre_rows(const Projection& p) {
  std::vector<std::int64_t> out;
  for (std::int64_t j = 0; j < p.height; ++j) out.push_back(p.map_y(j));
  return out;
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

/// Owns the picture while it is drawn.
class Painter {
 public:
  explicit Painter(const Projection& projection)
      : xs_(centre_columns(projection)), ys_(centre_rows(projection)) {
    image_.width = projection.width;
    image_.height = projection.height;
    image_.channels = 4;
    image_.pixels.resize(std::size_t{projection.width} * projection.height * 4);
  }

  /// Background and tiles, the whole picture.
  Result<void> ground(const Projection& projection, const TileStore& tiles) {
    for (std::int64_t j = 0; j < image_.height; ++j) horizontal(j, {0, image_.width}, kBackground);
    // The smaller side decides: the other one takes nearest samples.
    const unsigned level = std::min(level_of(projection.view.width, projection.width),
                                    level_of(projection.view.height, projection.height));
    return tiles.draw({xs_, ys_, level}, [this](std::size_t i, std::size_t j,
                                                const std::uint8_t* p) {
      blend(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j), {p[0], p[1], p[2], p[3]});
    });
  }

  /// Colours of a layer, row-major.
  void fill(const FrameLayer& layer, std::span<const Rgba> colors) {
    std::size_t at = 0;
    for (std::int64_t j = layer.rows.begin; j < layer.rows.end; ++j) {
      for (std::int64_t i = layer.columns.begin; i < layer.columns.end; ++i)
        blend(i, j, colors[at++]);
    }
  }

  /// One pixel inside the region's own edge, so that neighbours do not draw over each other.
  void border(const FrameLayer& layer) {
    const auto& [region, columns, rows, colors] = layer;
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
  void label(const FrameLayer& layer) {
    const auto& [region, columns, rows, colors] = layer;
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

  pixelfs::Image image_;
  std::vector<std::int64_t> xs_, ys_;  ///< map coordinate of each column's and row's centre
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

FrameLayer capture_layer(const Projection& projection, const Region& region) {
  FrameLayer layer;
  layer.region = region;
  layer.columns = span_of(centre_columns(projection), region.rect.x, region.rect.right());
  layer.rows = span_of(centre_rows(projection), region.rect.y, region.rect.bottom());
  if (region.source && !region.source->immutable) {
    layer.colors =
        sample_live(*region.source, columns_of(projection, layer), rows_of(projection, layer));
  }
  return layer;
}

Result<pixelfs::Image> draw_frame(const Projection& projection, std::span<const FrameLayer> layers,
                                  const TileStore& tiles, MipCache& mips,
                                  const RenderOptions& options) {
  Painter painter(projection);
  PX_CHECK(painter.ground(projection, tiles));
  for (const FrameLayer& layer : layers) {
    if (!layer.region.source || layer.columns.size() == 0 || layer.rows.size() == 0) continue;
    if (!layer.region.source->immutable) {
      painter.fill(layer, layer.colors);
      continue;
    }
    painter.fill(layer, sample_mips(mips, layer.region, columns_of(projection, layer),
                                    rows_of(projection, layer)));
  }
  for (const FrameLayer& layer : layers) {
    if (options.borders) painter.border(layer);
  }
  for (const FrameLayer& layer : layers) {
    if (options.labels) painter.label(layer);
  }
  return painter.take();
}

}  // namespace pxos::infinite_map
