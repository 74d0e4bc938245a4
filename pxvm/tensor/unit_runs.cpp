#include "pxvm/tensor/unit_runs.hpp"

#include <algorithm>

namespace pxos::tensor {

std::size_t list_runs(const PackedTensor& tensor, std::int64_t first, std::int64_t count,
                      std::span<KernelRun> out) {
  const std::uint64_t unit_bytes = info(tensor.dtype).unit_bytes;
  std::uint64_t skip = static_cast<std::uint64_t>(first);
  std::uint64_t left = static_cast<std::uint64_t>(count);
  std::size_t runs = 0;
  for (const UnitSegment& segment : tensor.segments) {
    if (left == 0) break;
    if (skip >= segment.row_groups) {
      skip -= segment.row_groups;
      continue;
    }
    const std::uint64_t groups = std::min(left, segment.row_groups - skip);
    std::uint64_t slot = segment.first_slot + skip * tensor.units_per_group;
    std::uint64_t units = groups * tensor.units_per_group;
    while (units != 0) {  // cut at the ends of lines
      const std::uint64_t column = slot % segment.units_per_line;
      const std::uint64_t here = std::min(units, segment.units_per_line - column);
      out[runs++] = {
          segment.base + slot / segment.units_per_line * segment.line_stride + column * unit_bytes,
          here};
      slot += here;
      units -= here;
    }
    left -= groups;
    skip = 0;
  }
  PX_ASSERT(left == 0);
  return runs;
}

}  // namespace pxos::tensor
