// The manifest alone, so that the fuzzer starts inside the JSON. What is accepted is canonical
// after one pass.

#include "cartridges/manifest.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest = pxos::cartridges::parse_manifest(pxos::Bytes(data, size));
  if (!manifest) return 0;
  const std::string json = pxos::cartridges::manifest_json(*manifest);
  const auto again = pxos::cartridges::parse_manifest(pxos::as_bytes(json));
  PX_ASSERT(again && pxos::cartridges::manifest_json(*again) == json);
  return 0;
}
