// An importance file: a sheet with vectors and a version.

#include "cartridges/quantize/importance.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto importance = pxos::cartridges::parse_importance({data, size});
  if (importance) static_cast<void>(pxos::cartridges::serialize(*importance));
  return 0;
}
