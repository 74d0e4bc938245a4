// Cartridges: label, index chunk, manifest, entries; what an unpacker or a mount would touch.

#include "cartridges/cartridge.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pxos::Bytes input(data, size);
  static_cast<void>(pxos::cartridges::parse_manifest(input));
  const auto cartridge = pxos::cartridges::Cartridge::from_bytes(input, "input");
  if (!cartridge) return 0;
  for (const pxos::cartridges::ManifestEntry& entry : cartridge->manifest().entries) {
    const pxos::Bytes bytes = cartridge->bytes(entry);
    PX_ASSERT(bytes.empty() ||
              (bytes.data() >= data && bytes.data() + bytes.size() <= data + size));
  }
  static_cast<void>(cartridge->verify());
  return 0;
}
