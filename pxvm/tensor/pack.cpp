#include "pxvm/tensor/pack.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::tensor {
namespace {

/// How a dtype's 32-column piece of a canonical row lies in a unit: `heads` f16 values, each kept
/// as an array of 16 (one per row), then the quant bytes as [group of four][row][4], each XORed
/// with `flip`.
struct BlockLayout {
  std::size_t heads = 0;
  std::size_t quants = 0;
  std::uint8_t flip = 0;     ///< turns int8 into the unsigned q + 128
  std::uint8_t padding = 0;  ///< quant byte of rows that do not exist
};

constexpr std::uint32_t kColumns = 32;

bool is_block(DType dtype) {
  return info(dtype).block_elems == kColumns;
}

BlockLayout block_layout(DType dtype) {
  if (dtype == DType::kQ8_0) return {1, 32, 0x80, 0x80};
  if (dtype == DType::kQ4_0) return {1, 16, 0, 0x88};
  PX_ASSERT(dtype == DType::kQ4_1);
  return {2, 16, 0, 0};
}

constexpr std::size_t head_at(std::size_t head, std::uint32_t row) {
  return 2 * (head * kUnitRows + row);
}

void pack_block(const BlockLayout& layout, const std::uint8_t* block, std::uint32_t row,
                std::uint8_t* unit) {
  for (std::size_t h = 0; h < layout.heads; ++h) {
    std::memcpy(unit + head_at(h, row), block + 2 * h, 2);
  }
  const std::uint8_t* quants = block + 2 * layout.heads;
  std::uint8_t* to = unit + head_at(layout.heads, 0) + std::size_t{4} * row;
  for (std::size_t i = 0; i < layout.quants; ++i) {
    to[i / 4 * 64 + i % 4] = quants[i] ^ layout.flip;
  }
}

void unpack_block(const BlockLayout& layout, const std::uint8_t* unit, std::uint32_t row,
                  std::uint8_t* block) {
  for (std::size_t h = 0; h < layout.heads; ++h) {
    std::memcpy(block + 2 * h, unit + head_at(h, row), 2);
  }
  const std::uint8_t* from = unit + head_at(layout.heads, 0) + std::size_t{4} * row;
  std::uint8_t* quants = block + 2 * layout.heads;
  for (std::size_t i = 0; i < layout.quants; ++i) {
    quants[i] = from[i / 4 * 64 + i % 4] ^ layout.flip;
  }
}

void clear_unit(const BlockLayout& layout, std::uint8_t* unit) {
  const std::size_t heads = head_at(layout.heads, 0);
  std::memset(unit, 0, heads);
  std::memset(unit + heads, layout.padding, layout.quants * kUnitRows);
}

/// Copies elements of one row between row order and the [k][16] order of float and byte units.
struct ElementCopy {
  std::size_t bytes;  ///< per element
  std::uint64_t cols;

  [[nodiscard]] std::size_t unit_offset(std::uint64_t k, std::uint32_t row) const {
    return (k * kUnitRows + row) * bytes;
  }
};

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
  if (!is_block(dtype)) {
    const ElementCopy copy{entry.block_bytes, cols};
    std::memset(units.data(), 0, unit_count * entry.unit_bytes);
    for (std::uint32_t r = 0; r < row_count; ++r) {
      const std::uint8_t* from = rows.data() + r * row_bytes;
      for (std::uint64_t k = 0; k < cols; ++k) {
        std::memcpy(units.data() + copy.unit_offset(k, r), from + k * copy.bytes, copy.bytes);
      }
    }
    return;
  }
  const BlockLayout layout = block_layout(dtype);
  for (std::uint64_t u = 0; u < unit_count; ++u) {
    std::uint8_t* unit = units.data() + u * entry.unit_bytes;
    if (row_count < kUnitRows) clear_unit(layout, unit);
    for (std::uint32_t r = 0; r < row_count; ++r) {
      pack_block(layout, rows.data() + r * row_bytes + u * entry.block_bytes, r, unit);
    }
  }
}

void unpack_row_group(DType dtype, Bytes units, std::uint32_t row_count, std::uint64_t cols,
                      std::uint64_t row_bytes, MutBytes rows) {
  check_sizes(dtype, rows.size(), row_bytes, row_count, cols, units.size());
  const DTypeInfo& entry = info(dtype);
  for (std::uint32_t r = 0; r < row_count; ++r) {
    std::uint8_t* to = rows.data() + r * row_bytes;
    if (is_block(dtype)) {
      const BlockLayout layout = block_layout(dtype);
      for (std::uint64_t u = 0; u < cols / kColumns; ++u) {
        unpack_block(layout, units.data() + u * entry.unit_bytes, r, to + u * entry.block_bytes);
      }
      continue;
    }
    const ElementCopy copy{entry.block_bytes, cols};
    for (std::uint64_t k = 0; k < cols; ++k) {
      std::memcpy(to + k * copy.bytes, units.data() + copy.unit_offset(k, r), copy.bytes);
    }
  }
}

}  // namespace pxos::tensor
