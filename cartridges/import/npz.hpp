#pragma once
// NumPy archives: a zip of .npy members (format 1 and 2, little-endian float32, C order). Pure
// functions.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pxos::cartridges {

struct NpyArray {
  std::string name;                 ///< member name without ".npy"
  std::vector<std::int64_t> shape;  ///< outermost first; empty = a scalar
  std::vector<float> values;        ///< row-major
};

struct NpzLimits {
  std::uint64_t max_bytes = std::uint64_t{1} << 30U;  ///< of all members together, unpacked
  std::uint32_t max_members = 4096;
};

/// Members in the order of the central directory; stored and deflated members.
/// Errors: kUnsupported names the member with Fortran order, another dtype, encryption, zip64 or
/// another method; kInvalid for damage, wrong CRC, duplicate names; kLimit above the limits.
Result<std::vector<NpyArray>> parse_npz(Bytes file, const NpzLimits& limits = {});

/// Stored members, no timestamps: same arrays, same bytes. Errors: kInvalid when a shape disagrees
/// with its values, for duplicate or unusable names; kLimit above 4 GiB.
Result<ByteVector> write_npz(std::span<const NpyArray> arrays);

}  // namespace pxos::cartridges
