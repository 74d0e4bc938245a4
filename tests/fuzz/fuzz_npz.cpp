// NumPy archives: zip directory, deflate, .npy headers.

#include "cartridges/import/npz.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pxos::cartridges::NpzLimits limits{.max_bytes = 1U << 22U, .max_members = 64};
  const auto arrays = pxos::cartridges::parse_npz(pxos::Bytes(data, size), limits);
  if (!arrays) return 0;
  for (const pxos::cartridges::NpyArray& array : *arrays) {
    std::int64_t elements = 1;
    for (const std::int64_t dimension : array.shape) elements *= dimension;
    PX_ASSERT(static_cast<std::uint64_t>(elements) == array.values.size());
  }
  return 0;
}
