#pragma once
// Canonical bytes out of units that lie in scanlines, and checks of what packing promises.
// All functions trust extents and segments (they were checked when the sheet was opened).

#include "pixelfs/sheet.hpp"

#include <span>

namespace pxos::pixelfs {

/// A tensor's units wherever they are.
struct UnitSource {
  const TensorMeta& meta;
  const TensorExtent& extent;
  std::span<const tensor::UnitSegment> segments;  ///< in group order, complete
  std::uint32_t unit_bytes = 0;
};

/// Units [first, first + count) of row group `group` (kLinear: of the whole tensor, group 0),
/// contiguous: borrowed from the sheet when they do not cross a scanline, else copied into `room`.
[[nodiscard]] Bytes units_of(const UnitSource& source, std::uint64_t group, std::uint64_t first,
                             std::uint64_t count, ByteVector& room);

/// Canonical bytes [offset, offset + out.size()). Requires: inside the tensor.
void copy_canonical(const UnitSource& source, std::uint64_t offset, MutBytes out);

/// True when every padding byte is what packing the canonical rows makes.
[[nodiscard]] bool padding_is_clean(const UnitSource& source);

/// Bytes to read at a time so that copy_canonical works on whole groups or bands.
[[nodiscard]] std::uint64_t canonical_step(const UnitSource& source);

}  // namespace pxos::pixelfs
