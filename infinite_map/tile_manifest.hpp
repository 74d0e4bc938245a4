#pragma once
// The manifest of a tile folder: which slot of the tile file holds which tile. It alone says what a
// tile folder contains (docs/spec/infinite_map.md has the byte table). Pure functions of bytes.

#include "infinite_map/tile.hpp"
#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <vector>

namespace pxos::infinite_map {

inline constexpr std::uint32_t kTileFormatVersion = 1;
inline constexpr std::uint64_t kTileHeaderBytes = 4096;  ///< slots start page-aligned
/// Tiles lie inside the plane's +-2^61, so that no coordinate of theirs overflows.
inline constexpr std::int64_t kMaxTileCoord = std::int64_t{1} << 53U;

struct TileEntry {
  TileCoord tile;
  std::uint64_t slot = 0;
  std::uint64_t checksum = 0;  ///< XXH3-64 of the pixels
  friend bool operator==(const TileEntry&, const TileEntry&) = default;
};

struct TileManifest {
  std::uint64_t store_id = 0;    ///< the same in the tile file: a pair belongs together
  std::uint64_t generation = 0;  ///< grows with every commit
  std::vector<TileEntry> tiles;  ///< ascending by tile, slots unique
};

[[nodiscard]] ByteVector encode_manifest(const TileManifest& manifest);
/// Errors: kInvalid for damage, disorder or extra bytes; kUnsupported for another version or tile
/// side. Nothing is allocated that the bytes do not pay for.
Result<TileManifest> parse_manifest(Bytes file);

/// The first page of a tile file.
[[nodiscard]] ByteVector encode_tile_header(std::uint64_t store_id);
/// Gives the store id. Errors: as parse_manifest.
Result<std::uint64_t> parse_tile_header(Bytes page);

}  // namespace pxos::infinite_map
