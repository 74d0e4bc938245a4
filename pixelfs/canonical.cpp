#include "pixelfs/canonical.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/pack.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::pixelfs {
namespace {

constexpr std::uint64_t kStepBytes = 1U << 20U;

/// The address equation of tensor::UnitSegment.
const std::uint8_t* unit_address(const tensor::UnitSegment& s, std::uint64_t unit,
                                 std::uint32_t unit_bytes) {
  const std::uint64_t slot = s.first_slot + unit;
  return s.base + slot / s.units_per_line * s.line_stride + slot % s.units_per_line * unit_bytes;
}

/// The segment that holds `group`, and the group's number inside it.
const tensor::UnitSegment& segment_of(const UnitSource& source, std::uint64_t& group) {
  for (const tensor::UnitSegment& s : source.segments) {
    if (group < s.row_groups) return s;
    group -= s.row_groups;
  }
  PX_ASSERT(false);
  return source.segments.back();
}

/// 16, or what is left in the last group.
std::uint32_t rows_in_group(const UnitSource& source, std::uint64_t group) {
  const std::uint64_t first = group * tensor::kUnitRows;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(tensor::kUnitRows, source.extent.rows - first));
}

/// Bytes of one unpadded row of the packed matrix.
std::uint64_t packed_row_bytes(const UnitSource& source) {
  if (source.meta.layout == SheetLayout::kPacked16) return source.extent.canonical_row_bytes;
  return source.extent.cols * tensor::info(source.meta.dtype).block_bytes;
}

/// A canonical byte range cut into blocks of `block_bytes`: calls make(block index, whole block),
/// and copies the part that was asked for. `make` fills up to block_bytes of its span.
template <class Make>
void copy_by_blocks(std::uint64_t total, std::uint64_t block_bytes, std::uint64_t offset,
                    MutBytes out, Make make) {
  ByteVector block;
  while (!out.empty()) {
    const std::uint64_t index = offset / block_bytes;
    const std::uint64_t start = index * block_bytes;
    const std::uint64_t size = std::min(block_bytes, total - start);
    const std::uint64_t skip = offset - start;
    const std::uint64_t take = std::min<std::uint64_t>(size - skip, out.size());
    if (take == size) {
      make(index, out.first(size));
    } else {
      block.resize(size);
      make(index, MutBytes(block));
      std::memcpy(out.data(), block.data() + skip, take);
    }
    out = out.subspan(take);
    offset += take;
  }
}

/// Block = one unit; the last one may be partly padding, which copy_by_blocks leaves out.
void copy_linear(const UnitSource& source, std::uint64_t offset, MutBytes out) {
  ByteVector room;
  copy_by_blocks(source.extent.canonical_bytes, source.unit_bytes, offset, out,
                 [&](std::uint64_t unit, MutBytes to) {
                   const Bytes bytes = units_of(source, unit, 0, 1, room);
                   std::memcpy(to.data(), bytes.data(), to.size());
                 });
}

/// Block = one row group, straight into the caller's bytes when all of it is wanted.
void copy_packed(const UnitSource& source, std::uint64_t offset, MutBytes out) {
  const TensorExtent& e = source.extent;
  ByteVector room;
  copy_by_blocks(e.canonical_bytes, e.canonical_row_bytes * tensor::kUnitRows, offset, out,
                 [&](std::uint64_t group, MutBytes to) {
                   const Bytes units = units_of(source, group, 0, e.units_per_group, room);
                   tensor::unpack_row_group(source.meta.dtype, units, rows_in_group(source, group),
                                            e.cols, e.canonical_row_bytes, to);
                 });
}

/// Canonical rows of one unit column (k): element (k, r) of the canonical matrix is (r, k) of the
/// packed one.
void copy_band(const UnitSource& source, std::uint64_t band, MutBytes to) {
  const tensor::DTypeInfo& type = tensor::info(source.meta.dtype);
  const std::uint64_t width = type.block_bytes;
  const std::uint64_t first_col = band * type.unit_cols;
  const std::uint64_t cols =
      std::min<std::uint64_t>(type.unit_cols, source.extent.cols - first_col);
  ByteVector room;
  ByteVector rows(tensor::kUnitRows * cols * width);
  for (std::uint64_t group = 0; group < source.extent.groups; ++group) {
    const std::uint32_t count = rows_in_group(source, group);
    tensor::unpack_row_group(source.meta.dtype, units_of(source, group, band, 1, room), count, cols,
                             cols * width, MutBytes(rows).first(count * cols * width));
    for (std::uint64_t k = 0; k < cols; ++k) {
      std::uint8_t* line =
          to.data() + k * source.extent.canonical_row_bytes + group * tensor::kUnitRows * width;
      for (std::uint64_t r = 0; r < count; ++r) {
        std::memcpy(line + r * width, rows.data() + (r * cols + k) * width, width);
      }
    }
  }
}

/// Packing is a bijection on the unpadded part, so only padding can differ after unpack and pack.
bool group_is_clean(const UnitSource& source, std::uint64_t group) {
  const std::uint64_t row_bytes = packed_row_bytes(source);
  const std::uint32_t count = rows_in_group(source, group);
  ByteVector room;
  ByteVector rows(row_bytes * count);
  const Bytes units = units_of(source, group, 0, source.extent.units_per_group, room);
  ByteVector again(units.size());
  tensor::unpack_row_group(source.meta.dtype, units, count, source.extent.cols, row_bytes, rows);
  tensor::pack_row_group(source.meta.dtype, rows, row_bytes, count, source.extent.cols, again);
  return std::equal(units.begin(), units.end(), again.begin());
}

bool linear_tail_is_clean(const UnitSource& source) {
  const std::uint64_t last = source.extent.groups - 1;
  ByteVector room;
  const Bytes tail = units_of(source, last, 0, 1, room)
                         .subspan(source.extent.canonical_bytes - last * source.unit_bytes);
  return std::all_of(tail.begin(), tail.end(), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

Bytes units_of(const UnitSource& source, std::uint64_t group, std::uint64_t first,
               std::uint64_t count, ByteVector& room) {
  const tensor::UnitSegment& segment = segment_of(source, group);
  const std::uint64_t unit = group * source.extent.units_per_group + first;
  const std::uint64_t in_line =
      segment.units_per_line - (segment.first_slot + unit) % segment.units_per_line;
  if (count <= in_line)
    return {unit_address(segment, unit, source.unit_bytes), count * source.unit_bytes};
  room.resize(count * source.unit_bytes);
  std::uint64_t run = in_line;
  for (std::uint64_t done = 0; done < count; done += run, run = segment.units_per_line) {
    run = std::min(run, count - done);
    std::memcpy(room.data() + done * source.unit_bytes,
                unit_address(segment, unit + done, source.unit_bytes), run * source.unit_bytes);
  }
  return room;
}

void copy_canonical(const UnitSource& source, std::uint64_t offset, MutBytes out) {
  switch (source.meta.layout) {
    case SheetLayout::kLinear:
      return copy_linear(source, offset, out);
    case SheetLayout::kPacked16:
      return copy_packed(source, offset, out);
    case SheetLayout::kPacked16Transposed:
      break;
  }
  const std::uint64_t band_rows = tensor::info(source.meta.dtype).unit_cols;
  copy_by_blocks(source.extent.canonical_bytes, band_rows * source.extent.canonical_row_bytes,
                 offset, out,
                 [&](std::uint64_t band, MutBytes to) { copy_band(source, band, to); });
}

bool padding_is_clean(const UnitSource& source) {
  if (source.meta.layout == SheetLayout::kLinear) return linear_tail_is_clean(source);
  const bool every = source.extent.cols % tensor::info(source.meta.dtype).unit_cols != 0;
  const bool last = source.extent.rows % tensor::kUnitRows != 0;
  if (!every && !last) return true;
  for (std::uint64_t g = every ? 0 : source.extent.groups - 1; g < source.extent.groups; ++g) {
    if (!group_is_clean(source, g)) return false;
  }
  return true;
}

std::uint64_t canonical_step(const UnitSource& source) {
  std::uint64_t block = source.unit_bytes;
  if (source.meta.layout == SheetLayout::kPacked16) {
    block = source.extent.canonical_row_bytes * tensor::kUnitRows;
  } else if (source.meta.layout == SheetLayout::kPacked16Transposed) {
    block = source.extent.canonical_row_bytes * tensor::info(source.meta.dtype).unit_cols;
  }
  return std::max<std::uint64_t>(1, kStepBytes / block) * block;
}

}  // namespace pxos::pixelfs
