#pragma once
// One .npy array: "\x93NUMPY", version, header length, a Python dictionary literal, the values
// (numpy.lib.format, versions 1 and 2). Pure functions.

#include "cartridges/import/npz.hpp"

#include <optional>

namespace pxos::cartridges {

/// `name` is only for messages and the result. Errors: kUnsupported for another dtype than
/// little-endian float32 or Fortran order (names the array); kInvalid for damage.
Result<NpyArray> parse_npy(Bytes file, std::string name);

/// Version 1, header padded with spaces so that the values start at a multiple of 64.
[[nodiscard]] ByteVector write_npy(const NpyArray& array);

/// Product of the dimensions; nullopt when one is negative or the product overflows.
[[nodiscard]] std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape);

}  // namespace pxos::cartridges
