#pragma once
// What a tensor operation works on: non-owning windows. Nothing here allocates or checks files;
// makers of views have checked that every address they describe lies inside a live region.

#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <array>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace pxos::tensor {

/// Row-major matrix in memory: element (r, c) at data[r * stride + c]; stride in elements, >= cols.
template <class T>
struct Matrix {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;

  [[nodiscard]] T* row(std::int64_t r) const { return data + r * stride; }
  operator Matrix<const T>() const  // NOLINT(google-explicit-constructor): as T* -> const T*
      requires(!std::is_const_v<T>) {
    return {data, rows, cols, stride};
  }
};
using MatF32 = Matrix<float>;
using ConstMatF32 = Matrix<const float>;
using MatF16 = Matrix<std::uint16_t>;
using ConstMatF16 = Matrix<const std::uint16_t>;

/// How a cache keeps its numbers: f16; f32 for exact caches; q8 for half the memory.
enum class KvFormat : std::uint8_t { kF16, kF32, kQ8 };

/// Bytes of a cache row of `cols` values. A q8 row is int8 q[cols], then one f16 d per 32 values (d
/// * q is the value); cols is a multiple of 32 there.
[[nodiscard]] constexpr std::int64_t kv_row_bytes(KvFormat format, std::int64_t cols) {
  return format == KvFormat::kF32   ? 4 * cols
         : format == KvFormat::kF16 ? 2 * cols
                                    : cols + cols / 16;
}

/// A key or value cache, one row per position.
struct KvCache {
  void* data = nullptr;
  KvFormat format = KvFormat::kF16;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  ///< elements; q8 rows lie without a gap, stride == cols

  [[nodiscard]] std::uint16_t* f16_row(std::int64_t r) const {
    return static_cast<std::uint16_t*>(data) + r * stride;
  }
  [[nodiscard]] float* f32_row(std::int64_t r) const {
    return static_cast<float*>(data) + r * stride;
  }
  [[nodiscard]] std::int8_t* q8_row(std::int64_t r) const {
    return static_cast<std::int8_t*>(data) + r * kv_row_bytes(KvFormat::kQ8, cols);
  }
  /// The factors of a q8 row.
  [[nodiscard]] std::uint16_t* q8_scales(std::int64_t r) const {
    return static_cast<std::uint16_t*>(static_cast<void*>(q8_row(r) + cols));
  }
};

/// Where consecutive units of a packed tensor lie: unit n of the segment at
///   base + ((first_slot + n) / units_per_line) * line_stride + ((first_slot + n) % units_per_line)
///   * unit_bytes.
/// For a sheet mapped in place line_stride is the sheet's scanline stride; for units in plain
/// memory units_per_line is the number of units (one endless line).
struct UnitSegment {
  const std::uint8_t* base = nullptr;
  std::uint64_t line_stride = 0;
  std::uint64_t units_per_line = 1;
  std::uint64_t first_slot = 0;
  std::uint64_t row_groups = 0;  ///< whole row groups in this segment
};

/// A weight matrix W[rows, cols] as units of 16 rows x unit_cols columns (dtypes.def). Row group g
/// (rows 16 g .. 16 g + 15) is `units_per_group` consecutive units, k ascending; segments hold
/// whole groups in order. Rows are padded to 16 and columns to unit_cols with zeros.
struct PackedTensor {
  DType dtype = DType::kF32;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::uint32_t units_per_group = 0;  ///< ceil(cols / unit_cols)
  float affine_min = 0;               ///< U8Affine only
  float affine_max = 0;
  std::vector<UnitSegment> segments;

  [[nodiscard]] std::int64_t row_groups() const { return (rows + kUnitRows - 1) / kUnitRows; }
};

/// A run of units that are contiguous in memory.
struct UnitRun {
  const std::uint8_t* units = nullptr;
  std::uint32_t count = 0;
};

}  // namespace pxos::tensor
