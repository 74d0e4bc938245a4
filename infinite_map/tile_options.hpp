#pragma once
// How much memory a plane's pixels may take, and where the rest goes.

#include <cstdint>
#include <filesystem>

namespace pxos::infinite_map {

struct TileOptions {
  std::uint64_t budget_bytes = std::uint64_t{256} << 20U;  ///< of pixels in memory
  std::filesystem::path spill_folder;  ///< for a nameless spill file; empty: the system's temporary
  std::uint64_t max_tiles = std::uint64_t{1} << 22U;  ///< 1 TiB

  /// The defaults; PXOS_HARD_TILES=1 in the environment makes the budget 0: every tile is evicted
  /// whenever nobody holds it.
  static TileOptions from_environment();
};

}  // namespace pxos::infinite_map
