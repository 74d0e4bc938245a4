#pragma once
// Anonymous pixels of the plane: 256 x 256 RGBA tiles, made on first write. Untouched space reads
// (0, 0, 0, 0) and costs nothing. Not thread-safe; the map locks. A byte budget with spill to disk
// will sit behind tile() and mutable_tile().

#include "infinite_map/geometry.hpp"
#include "pxvm/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

namespace pxos::infinite_map {

class TileStore {
 public:
  static constexpr unsigned kTileBits = 8;
  static constexpr std::int64_t kTileSide = std::int64_t{1} << kTileBits;
  static constexpr std::uint64_t kTileBytes = std::uint64_t{4} << (2 * kTileBits);

  /// Requires: a valid rectangle; rgba.size() == 4 * width * height.
  void write(const Rect& rect, Bytes rgba);
  void read(const Rect& rect, MutBytes rgba) const;
  /// The pixel at (x, y): four bytes, or null in untouched space.
  [[nodiscard]] const std::uint8_t* pixel(std::int64_t x, std::int64_t y) const;
  [[nodiscard]] std::uint64_t bytes() const { return tiles_.size() * kTileBytes; }

 private:
  using TileCoord = std::pair<std::int64_t, std::int64_t>;
  using Tile = std::array<std::uint8_t, kTileBytes>;
  struct CoordHash {
    std::size_t operator()(const TileCoord& c) const;
  };

  [[nodiscard]] const Tile* tile(TileCoord coord) const;
  Tile& mutable_tile(TileCoord coord);

  std::unordered_map<TileCoord, std::unique_ptr<Tile>, CoordHash> tiles_;
};

}  // namespace pxos::infinite_map
