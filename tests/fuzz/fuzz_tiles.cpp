// The two files of a tile folder: the manifest and the first page of the tiles. What is accepted
// must come back byte for byte when it is written again.

#include "infinite_map/tile_manifest.hpp"
#include "tests/fuzz/target.hpp"

#include <cstdlib>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace map = pxos::infinite_map;
  const pxos::ByteVector file(data, data + size);
  const auto manifest = map::parse_manifest(file);
  if (manifest && map::encode_manifest(*manifest) != file) std::abort();
  const auto id = map::parse_tile_header(file);
  const bool same = !id || std::equal(file.begin(), file.begin() + map::kTileHeaderBytes,
                                      map::encode_tile_header(*id).begin());
  if (!same) std::abort();
  return 0;
}
