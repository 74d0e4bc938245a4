#include "infinite_map/tile_store.hpp"

#include "pxvm/base/rng.hpp"

#include <map>

#include <catch2/catch.hpp>

using namespace pxos;
using infinite_map::TileStore;

TEST_CASE("what is written over tile borders is read back; untouched space is zero", "[map]") {
  TileStore tiles;
  std::map<std::pair<std::int64_t, std::int64_t>, std::array<std::uint8_t, 4>> model;
  CounterRng rng(1);
  for (int i = 0; i < 60; ++i) {
    const infinite_map::Rect r{static_cast<std::int64_t>(rng.next_u32() % 1200) - 600,
                               static_cast<std::int64_t>(rng.next_u32() % 1200) - 600,
                               1 + rng.next_u32() % 300, 1 + rng.next_u32() % 20};
    ByteVector pixels(static_cast<std::size_t>(r.width * r.height * 4));
    for (std::uint8_t& b : pixels) b = static_cast<std::uint8_t>(rng.next_u32());
    tiles.write(r, pixels);
    std::size_t at = 0;
    for (std::int64_t y = r.y; y < r.bottom(); ++y) {
      for (std::int64_t x = r.x; x < r.right(); ++x, at += 4) {
        model[{x, y}] = {pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]};
      }
    }
  }
  const infinite_map::Rect all{-700, -700, 1700, 1400};
  ByteVector read(static_cast<std::size_t>(all.width * all.height * 4), 0xEE);
  tiles.read(all, read);
  std::size_t wrong = 0;
  for (std::int64_t y = all.y; y < all.bottom(); ++y) {
    for (std::int64_t x = all.x; x < all.right(); ++x) {
      const auto found = model.find({x, y});
      const std::array<std::uint8_t, 4> expected =
          found == model.end() ? std::array<std::uint8_t, 4>{} : found->second;
      const auto at = static_cast<std::size_t>((y - all.y) * all.width + (x - all.x)) * 4;
      if (!std::equal(expected.begin(), expected.end(),
                      read.begin() + static_cast<std::ptrdiff_t>(at)))
        ++wrong;
    }
  }
  REQUIRE(wrong == 0);
  REQUIRE(tiles.pixel(100000, 0) == nullptr);
}

TEST_CASE("only touched tiles cost memory", "[map]") {
  TileStore tiles;
  const ByteVector pixel{1, 2, 3, 4};
  tiles.write({std::int64_t{1} << 50, -(std::int64_t{1} << 50), 1, 1}, pixel);
  tiles.write({-1, -1, 1, 1}, pixel);
  REQUIRE(tiles.bytes() == 2 * TileStore::kTileBytes);
  REQUIRE(tiles.pixel(-1, -1)[2] == 3);
}
