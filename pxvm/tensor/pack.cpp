#include "pxvm/tensor/pack.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/block.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::tensor {
namespace {

constexpr std::size_t kStep = 32;       ///< columns of a step
constexpr std::size_t kLineBytes = 64;  ///< 16 rows x 4 bytes

/// Byte offsets inside a unit of a block dtype.
struct UnitLayout {
  std::size_t minima = 0;
  std::size_t planes = 0;
  std::size_t plane_count = 0;
  std::size_t steps = 0;
  std::size_t step_bytes = 0;
  std::size_t step_count = 0;
};

std::size_t plane_count(ScalePlanes planes) {
  switch (planes) {
    case ScalePlanes::kNone:
      return 0;
    case ScalePlanes::kSixPairs:
    case ScalePlanes::kSix:
      return 12;
    case ScalePlanes::kBytes:
    case ScalePlanes::kNibbles:
      return 16;
  }
  return 0;
}

UnitLayout unit_layout(const BlockSpec& spec) {
  UnitLayout out;
  out.minima = kUnitRows * (spec.exponent_scale ? 1U : 2U);
  out.planes = out.minima + (spec.has_min ? 2 * kUnitRows : 0);
  out.plane_count = plane_count(spec.planes);
  out.steps = out.planes + out.plane_count * kUnitRows;
  out.step_bytes = kLineBytes * (spec.low_bits + spec.high_bits);
  out.step_count = info(spec.dtype).unit_cols / kStep;
  PX_ASSERT(out.steps + out.step_count * out.step_bytes == info(spec.dtype).unit_bytes);
  return out;
}

/// One row's bytes of the scale planes, from the fields.
void scales_to_planes(ScalePlanes kind, const BlockFields& f, std::uint8_t* planes) {
  switch (kind) {
    case ScalePlanes::kNone:
      return;
    case ScalePlanes::kSixPairs:
      for (std::size_t p = 0; p < 8; ++p) {
        planes[p] = static_cast<std::uint8_t>(f.scales[p] | f.minima[p] << 6);
      }
      for (std::size_t p = 0; p < 4; ++p) {
        planes[8 + p] = static_cast<std::uint8_t>(f.minima[p] >> 2 | (f.minima[p + 4] >> 2) << 4);
      }
      return;
    case ScalePlanes::kSix:
      for (std::size_t p = 0; p < 12; ++p) {
        const int piece = f.scales[12 + p / 3] >> (2 * (p % 3));
        planes[p] = static_cast<std::uint8_t>(f.scales[p] | piece << 6);
      }
      return;
    case ScalePlanes::kBytes:
      std::copy_n(f.scales.begin(), kMaxGroups, planes);
      return;
    case ScalePlanes::kNibbles:
      for (std::size_t p = 0; p < kMaxGroups; ++p) {
        planes[p] = static_cast<std::uint8_t>(f.scales[p] | f.minima[p] << 4);
      }
      return;
  }
}

/// Inverse of scales_to_planes.
void planes_to_scales(ScalePlanes kind, const std::uint8_t* planes, BlockFields& f) {
  switch (kind) {
    case ScalePlanes::kNone:
      return;
    case ScalePlanes::kSixPairs:
      for (std::size_t p = 0; p < 8; ++p) {
        const int high = planes[8 + p % 4] >> (p < 4 ? 0 : 4) & 15;
        f.scales[p] = planes[p] & 63;
        f.minima[p] = static_cast<std::uint8_t>(planes[p] >> 6 | high << 2);
      }
      return;
    case ScalePlanes::kSix:
      std::fill(f.scales.begin() + 12, f.scales.end(), std::uint8_t{0});
      for (std::size_t p = 0; p < 12; ++p) {
        std::uint8_t& last = f.scales[12 + p / 3];
        last = static_cast<std::uint8_t>(last | (planes[p] >> 6) << (2 * (p % 3)));
        f.scales[p] = planes[p] & 63;
      }
      return;
    case ScalePlanes::kBytes:
      std::copy_n(planes, kMaxGroups, f.scales.begin());
      return;
    case ScalePlanes::kNibbles:
      for (std::size_t p = 0; p < kMaxGroups; ++p) {
        f.scales[p] = planes[p] & 15;
        f.minima[p] = static_cast<std::uint8_t>(planes[p] >> 4);
      }
      return;
  }
}

/// Writes row r's bytes of a field of kBits bits, which is bits `shift` and up of the quants.
template <std::size_t kBits>
void put_field(const std::uint8_t* quants, std::size_t shift, std::uint32_t row,
               std::uint8_t* lines) {
  constexpr unsigned kMask = (1U << kBits) - 1;
  for (std::size_t line = 0; line < kBits; ++line) {
    for (std::size_t i = 0; i < 4; ++i) {
      unsigned byte = 0;
      for (std::size_t j = line; j < 8; j += kBits) {
        byte |= (unsigned{quants[4 * j + i]} >> shift & kMask) << kBits * (j / kBits);
      }
      lines[kLineBytes * line + std::size_t{4} * row + i] = static_cast<std::uint8_t>(byte);
    }
  }
}

/// ORs a field into the quants.
template <std::size_t kBits>
void get_field(const std::uint8_t* lines, std::uint32_t row, std::size_t shift,
               std::uint8_t* quants) {
  constexpr unsigned kMask = (1U << kBits) - 1;
  for (std::size_t j = 0; j < 8; ++j) {
    const std::uint8_t* from = lines + kLineBytes * (j % kBits) + std::size_t{4} * row;
    for (std::size_t i = 0; i < 4; ++i) {
      const unsigned code = unsigned{from[i]} >> kBits * (j / kBits) & kMask;
      quants[4 * j + i] = static_cast<std::uint8_t>(quants[4 * j + i] | code << shift);
    }
  }
}

void put_bits(std::uint32_t bits, const std::uint8_t* quants, std::size_t shift, std::uint32_t row,
              std::uint8_t* lines) {
  if (bits == 8) return put_field<8>(quants, shift, row, lines);
  if (bits == 4) return put_field<4>(quants, shift, row, lines);
  if (bits == 2) return put_field<2>(quants, shift, row, lines);
  if (bits == 1) return put_field<1>(quants, shift, row, lines);
}

void get_bits(std::uint32_t bits, const std::uint8_t* lines, std::uint32_t row, std::size_t shift,
              std::uint8_t* quants) {
  if (bits == 8) return get_field<8>(lines, row, shift, quants);
  if (bits == 4) return get_field<4>(lines, row, shift, quants);
  if (bits == 2) return get_field<2>(lines, row, shift, quants);
  if (bits == 1) return get_field<1>(lines, row, shift, quants);
}

/// Fields of one block dtype <-> the bytes of one row in a unit.
class UnitCodec {
 public:
  explicit UnitCodec(const BlockSpec& spec) : spec_(spec), layout_(unit_layout(spec)) {}

  void put(const BlockFields& fields, std::uint32_t row, std::uint8_t* unit) const {
    std::uint8_t planes[kMaxGroups];
    scales_to_planes(spec_.planes, fields, planes);
    for (std::size_t p = 0; p < layout_.plane_count; ++p) {
      unit[layout_.planes + p * kUnitRows + row] = planes[p];
    }
    if (spec_.exponent_scale) {
      unit[row] = static_cast<std::uint8_t>(fields.d);
    } else {
      put_half(fields.d, unit + std::size_t{2} * row);
    }
    if (spec_.has_min) put_half(fields.m, unit + layout_.minima + std::size_t{2} * row);
    for (std::size_t s = 0; s < layout_.step_count; ++s) {
      std::uint8_t* high = unit + layout_.steps + s * layout_.step_bytes;
      const std::uint8_t* quants = fields.quants.data() + s * kStep;
      put_bits(spec_.high_bits, quants, spec_.low_bits, row, high);
      put_bits(spec_.low_bits, quants, 0, row, high + kLineBytes * spec_.high_bits);
    }
  }

  void get(const std::uint8_t* unit, std::uint32_t row, BlockFields& fields) const {
    std::uint8_t planes[kMaxGroups];
    for (std::size_t p = 0; p < layout_.plane_count; ++p) {
      planes[p] = unit[layout_.planes + p * kUnitRows + row];
    }
    planes_to_scales(spec_.planes, planes, fields);
    fields.d = spec_.exponent_scale ? unit[row] : half(unit + std::size_t{2} * row);
    if (spec_.has_min) fields.m = half(unit + layout_.minima + std::size_t{2} * row);
    for (std::size_t s = 0; s < layout_.step_count; ++s) {
      const std::uint8_t* high = unit + layout_.steps + s * layout_.step_bytes;
      std::uint8_t* quants = fields.quants.data() + s * kStep;
      std::memset(quants, 0, kStep);
      get_bits(spec_.high_bits, high, row, spec_.low_bits, quants);
      get_bits(spec_.low_bits, high + kLineBytes * spec_.high_bits, row, 0, quants);
    }
  }

 private:
  static std::uint16_t half(const std::uint8_t* from) {
    return static_cast<std::uint16_t>(from[0] | from[1] << 8);
  }
  static void put_half(std::uint16_t value, std::uint8_t* to) {
    to[0] = static_cast<std::uint8_t>(value);
    to[1] = static_cast<std::uint8_t>(value >> 8);
  }

  const BlockSpec& spec_;
  UnitLayout layout_;
};

/// Copies elements of one row between row order and the [k][16] order of float and byte units.
struct ElementCopy {
  std::size_t bytes;  ///< per element
  std::uint64_t cols;

  [[nodiscard]] std::size_t unit_offset(std::uint64_t k, std::uint32_t row) const {
    return (k * kUnitRows + row) * bytes;
  }
};

/// `row_count` rows into zeroed units. The size as a constant lets a copy be one move.
template <std::size_t kBytes>
void put_elements(const std::uint8_t* rows, std::uint64_t row_bytes, std::uint32_t row_count,
                  std::uint64_t cols, std::uint8_t* units) {
  const ElementCopy copy{kBytes, cols};
  for (std::uint32_t r = 0; r < row_count; ++r) {
    const std::uint8_t* from = rows + r * row_bytes;
    for (std::uint64_t k = 0; k < cols; ++k)
      std::memcpy(units + copy.unit_offset(k, r), from + k * kBytes, kBytes);
  }
}

void check_sizes(DType dtype, std::size_t rows_size, std::uint64_t row_bytes_apart,
                 std::uint32_t row_count, std::uint64_t cols, std::size_t units_size) {
  const DTypeInfo& entry = info(dtype);
  PX_ASSERT(entry.unit_bytes != 0 && row_count >= 1 && row_count <= kUnitRows);
  const auto row = row_bytes(dtype, cols);
  PX_ASSERT(row.has_value());
  PX_ASSERT(*row <= rows_size &&
            (row_count == 1 || row_bytes_apart <= (rows_size - *row) / (row_count - 1)));
  const auto bytes = checked_mul(ceil_div(cols, entry.unit_cols), std::uint64_t{entry.unit_bytes});
  PX_ASSERT(bytes && *bytes <= units_size);
}

}  // namespace

void pack_row_group(DType dtype, Bytes rows, std::uint64_t row_bytes, std::uint32_t row_count,
                    std::uint64_t cols, MutBytes units) {
  check_sizes(dtype, rows.size(), row_bytes, row_count, cols, units.size());
  const DTypeInfo& entry = info(dtype);
  const std::uint64_t unit_count = ceil_div(cols, entry.unit_cols);
  const BlockSpec* spec = block_spec(dtype);
  if (spec == nullptr) {
    PX_ASSERT(entry.block_bytes == 1 || entry.block_bytes == 2 || entry.block_bytes == 4);
    std::memset(units.data(), 0, unit_count * entry.unit_bytes);
    const auto put = entry.block_bytes == 4   ? put_elements<4>
                     : entry.block_bytes == 2 ? put_elements<2>
                                              : put_elements<1>;
    return put(rows.data(), row_bytes, row_count, cols, units.data());
  }
  const UnitCodec codec(*spec);
  const BlockFields padding = padding_fields(*spec);
  BlockFields fields;
  for (std::uint64_t u = 0; u < unit_count; ++u) {
    std::uint8_t* unit = units.data() + u * entry.unit_bytes;
    for (std::uint32_t r = 0; r < row_count; ++r) {
      spec->read(rows.data() + r * row_bytes + u * entry.block_bytes, fields);
      codec.put(fields, r, unit);
    }
    for (std::uint32_t r = row_count; r < kUnitRows; ++r) codec.put(padding, r, unit);
  }
}

void unpack_row_group(DType dtype, Bytes units, std::uint32_t row_count, std::uint64_t cols,
                      std::uint64_t row_bytes, MutBytes rows) {
  check_sizes(dtype, rows.size(), row_bytes, row_count, cols, units.size());
  const DTypeInfo& entry = info(dtype);
  if (const BlockSpec* spec = block_spec(dtype); spec != nullptr) {
    const UnitCodec codec(*spec);
    BlockFields fields;
    for (std::uint64_t u = 0; u < cols / entry.block_elems; ++u) {
      const std::uint8_t* unit = units.data() + u * entry.unit_bytes;
      for (std::uint32_t r = 0; r < row_count; ++r) {
        codec.get(unit, r, fields);
        spec->write(fields, rows.data() + r * row_bytes + u * entry.block_bytes);
      }
    }
    return;
  }
  const ElementCopy copy{entry.block_bytes, cols};
  for (std::uint32_t r = 0; r < row_count; ++r) {
    std::uint8_t* to = rows.data() + r * row_bytes;
    for (std::uint64_t k = 0; k < cols; ++k) {
      std::memcpy(to + k * copy.bytes, units.data() + copy.unit_offset(k, r), copy.bytes);
    }
  }
}

void dequantize_unit_row(DType dtype, Bytes unit, std::uint32_t row, std::span<float> out) {
  const DTypeInfo& entry = info(dtype);
  PX_ASSERT(unit.size() >= entry.unit_bytes && row < kUnitRows && out.size() <= entry.unit_cols);
  if (const BlockSpec* spec = block_spec(dtype); spec != nullptr) {
    PX_ASSERT(out.size() % spec->group == 0);
    BlockFields fields;
    UnitCodec(*spec).get(unit.data(), row, fields);
    dequantize_fields(*spec, fields, out);
    return;
  }
  const ElementCopy copy{entry.block_bytes, entry.unit_cols};
  for (std::size_t k = 0; k < out.size(); ++k) {
    dequantize_row(dtype, unit.subspan(copy.unit_offset(k, row), copy.bytes), out.subspan(k, 1));
  }
}

}  // namespace pxos::tensor
