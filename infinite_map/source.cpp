#include "infinite_map/source.hpp"

#include "pxvm/tensor/pack.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

namespace pxos::infinite_map {
namespace {

/// One packed matrix, read value by value through the pack contract.
class PackedReader {
 public:
  explicit PackedReader(tensor::PackedTensor tensor)
      : tensor_(std::move(tensor)), info_(tensor::info(tensor_.dtype)) {}

  void read(const SampleRow& where, std::span<float> out) const {
    std::vector<float> values(info_.unit_cols);
    std::int64_t loaded = -1;  // unit column that `values` holds
    for (std::size_t i = 0; i < where.xs.size(); ++i) {
      const std::int64_t x = where.xs[i];
      if (x >= tensor_.cols || where.y >= tensor_.rows) {
        out[i] = 0;
        continue;
      }
      const std::int64_t column = x / info_.unit_cols;
      if (column != loaded) load(where.y, column, values);
      loaded = column;
      out[i] = values[static_cast<std::size_t>(x % info_.unit_cols)];
    }
  }

  /// Three times the root mean square of rows spread over the matrix.
  [[nodiscard]] float typical_magnitude() const {
    constexpr std::int64_t kSamples = 16;
    double sum = 0;
    double count = 0;
    std::vector<float> values(info_.unit_cols);
    for (std::int64_t i = 0; i < kSamples; ++i) {
      load(i * (tensor_.rows - 1) / kSamples, i * (tensor_.cols - 1) / kSamples / info_.unit_cols,
           values);
      for (const float v : values) {
        if (!std::isfinite(v)) continue;
        sum += static_cast<double>(v) * v;
        count += 1;
      }
    }
    const double rms = count > 0 ? std::sqrt(sum / count) : 0;
    return rms > 0 ? static_cast<float>(3 * rms) : 1.0F;
  }

 private:
  /// The address equation of tensor::UnitSegment; null when the segments end before the row.
  const std::uint8_t* unit_at(std::int64_t row, std::int64_t column) const {
    auto group = static_cast<std::uint64_t>(row / tensor::kUnitRows);
    for (const tensor::UnitSegment& s : tensor_.segments) {
      if (group >= s.row_groups) {
        group -= s.row_groups;
        continue;
      }
      const std::uint64_t slot =
          s.first_slot + group * tensor_.units_per_group + static_cast<std::uint64_t>(column);
      return s.base + slot / s.units_per_line * s.line_stride +
             slot % s.units_per_line * info_.unit_bytes;
    }
    return nullptr;
  }

  /// Dequantises columns [column * unit_cols, ...) of one row.
  void load(std::int64_t row, std::int64_t column, std::span<float> values) const {
    const std::uint8_t* unit = unit_at(row, column);
    const auto line = static_cast<std::uint32_t>(row % tensor::kUnitRows);
    if (unit == nullptr) {
      std::fill(values.begin(), values.end(), std::numeric_limits<float>::quiet_NaN());
    } else if (tensor_.dtype == tensor::DType::kU8Affine) {
      const tensor::AffineRange range{tensor_.affine_min, tensor_.affine_max};
      for (std::size_t k = 0; k < values.size(); ++k) {
        tensor::dequantize_affine({unit + k * tensor::kUnitRows + line, 1}, range,
                                  values.subspan(k, 1));
      }
    } else {
      tensor::dequantize_unit_row(tensor_.dtype, {unit, info_.unit_bytes}, line, values);
    }
  }

  tensor::PackedTensor tensor_;
  const tensor::DTypeInfo& info_;
};

/// Transparent outside the picture; grey is spread over the channels.
Rgba pixel_of(const pixelfs::Image& image, std::int64_t x, std::int64_t y) {
  if (x >= image.width || y >= image.height) return {0, 0, 0, 0};
  const std::uint8_t* p =
      image.pixels.data() +
      (static_cast<std::size_t>(y) * image.width + static_cast<std::size_t>(x)) * image.channels;
  if (image.channels == 1) return {p[0], p[0], p[0], 255};
  return {p[0], p[1], p[2], image.channels == 4 ? p[3] : std::uint8_t{255}};
}

/// Values of a live matrix; `widen` turns an element into a float.
template <class Element, class Widen>
RegionSource matrix_source(tensor::Matrix<const Element> matrix, float scale, Widen widen) {
  RegionSource source;
  source.scale = scale;
  source.values = [matrix, widen](const SampleRow& where, std::span<float> out) {
    const bool inside = where.y < matrix.rows;
    for (std::size_t i = 0; i < where.xs.size(); ++i) {
      out[i] = inside && where.xs[i] < matrix.cols ? widen(matrix.row(where.y)[where.xs[i]]) : 0.0F;
    }
  };
  return source;
}

}  // namespace

RegionSource f32_source(tensor::ConstMatF32 matrix, float scale) {
  return matrix_source<float>(matrix, scale, [](float v) { return v; });
}

// KV caches are f16: shown by age unless the caller says otherwise.
RegionSource f16_source(tensor::ConstMatF16 matrix, float scale) {
  RegionSource source = matrix_source<std::uint16_t>(
      matrix, scale, [](std::uint16_t v) { return tensor::f16_to_f32(v); });
  source.palette = Palette::kAge;
  return source;
}

RegionSource q8_source(const tensor::KvCache& cache, float scale) {
  RegionSource source;
  source.palette = Palette::kAge;
  source.scale = scale;
  source.values = [cache](const SampleRow& where, std::span<float> out) {
    const std::int8_t* q = cache.q8_row(where.y);
    const std::uint16_t* d = cache.q8_scales(where.y);
    for (std::size_t i = 0; i < where.xs.size(); ++i) {
      const std::int64_t x = where.xs[i];
      out[i] = tensor::f16_to_f32(d[x / 32]) * static_cast<float>(q[x]);
    }
  };
  return source;
}

// The reader is shared by copies of the source; it holds no state between rows, so threads may
// render at once.
RegionSource packed_source(const tensor::PackedTensor& tensor) {
  RegionSource source;
  const auto reader = std::make_shared<const PackedReader>(tensor);
  source.palette = Palette::kDiverging;
  source.immutable = true;
  source.scale = tensor.rows > 0 && tensor.cols > 0 ? reader->typical_magnitude() : 1.0F;
  source.values = [reader](const SampleRow& where, std::span<float> out) {
    reader->read(where, out);
  };
  return source;
}

RegionSource vector_source(std::span<const float> values, std::int64_t width, float scale) {
  RegionSource source;
  source.palette = Palette::kDiverging;
  source.scale = scale;
  source.values = [values, width](const SampleRow& where, std::span<float> out) {
    for (std::size_t i = 0; i < where.xs.size(); ++i) {
      const auto at = static_cast<std::uint64_t>(where.y * width + where.xs[i]);
      out[i] = at < values.size() ? values[at] : 0.0F;
    }
  };
  return source;
}

// y * width + x is taken modulo 2^64 before it is compared: a wild sample is outside, never an
// address.
RegionSource rgba_source(Bytes rgba, std::int64_t width, std::int64_t height) {
  RegionSource source;
  source.colors = [rgba, width, height](const SampleRow& where, std::span<Rgba> out) {
    for (std::size_t i = 0; i < where.xs.size(); ++i) {
      const auto at = static_cast<std::uint64_t>(where.y * width + where.xs[i]) * 4;
      const bool inside = where.xs[i] < width && where.y < height && at + 4 <= rgba.size();
      out[i] = inside ? Rgba{rgba[at], rgba[at + 1], rgba[at + 2], rgba[at + 3]} : Rgba{0, 0, 0, 0};
    }
  };
  return source;
}

RegionSource image_source(pixelfs::Image image) {
  RegionSource source;
  source.immutable = true;
  const auto kept = std::make_shared<const pixelfs::Image>(std::move(image));
  source.colors = [kept](const SampleRow& where, std::span<Rgba> out) {
    for (std::size_t i = 0; i < where.xs.size(); ++i)
      out[i] = pixel_of(*kept, where.xs[i], where.y);
  };
  return source;
}

}  // namespace pxos::infinite_map
