#pragma once
// The port through which a region shows memory it does not own: scalars that get a false colour, or
// colours. Sources are called from render() with samples inside the region; they must not call the
// map.

#include "infinite_map/color.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/tensor/view.hpp"

#include <cstdint>
#include <functional>
#include <span>

namespace pxos::infinite_map {

/// Asks for out[i] = value at (xs[i], y), region coordinates; xs ascends.
struct SampleRow {
  std::int64_t y = 0;
  std::span<const std::int64_t> xs;
};

enum class Palette : std::uint8_t {
  kDiverging,  ///< blue negative, near black zero, orange positive: weights
  kHeat,       ///< black, purple, orange, white by magnitude: activations
  kAge,        ///< value dimmed by age: the newest rows bright: KV cache
};

/// At most one of `values` and `colors` is set.
struct RegionSource {
  std::function<void(const SampleRow&, std::span<float>)> values;
  std::function<void(const SampleRow&, std::span<Rgba>)> colors;
  Palette palette = Palette::kHeat;
  float scale = 1.0F;  ///< magnitude that saturates the palette; <= 0: 1
  /// KV: rows in use (newest last), read at render time; null: every row counts as new.
  std::function<std::int64_t()> filled_rows;

  /// The memory never changes (weights, pictures): smaller versions of it may be kept.
  bool immutable = false;

  [[nodiscard]] bool empty() const { return !values && !colors; }
};

/// Live row-major matrices. Keep: the memory must outlive the region.
[[nodiscard]] RegionSource f32_source(tensor::ConstMatF32 matrix, float scale = 1.0F);
[[nodiscard]] RegionSource f16_source(tensor::ConstMatF16 matrix, float scale = 1.0F);
/// A live q8 cache.
[[nodiscard]] RegionSource q8_source(const tensor::KvCache& cache, float scale = 1.0F);
/// Dequantised weights, pixel (c, r) = W[r, c]. Keeps the units, copies the description.
/// The scale is measured over a fixed sample of the weights.
[[nodiscard]] RegionSource packed_source(const tensor::PackedTensor& tensor);
/// A vector shown in rows of `width` pixels. Keeps the values.
[[nodiscard]] RegionSource vector_source(std::span<const float> values, std::int64_t width,
                                         float scale = 1.0F);
/// A live RGBA screen. Keeps the pixels: 4 * width * height bytes.
[[nodiscard]] RegionSource rgba_source(Bytes rgba, std::int64_t width, std::int64_t height);
/// A picture (program image, label). Copies the pixels.
[[nodiscard]] RegionSource image_source(pixelfs::Image image);

}  // namespace pxos::infinite_map
