#include "infinite_map/tile_pyramid.hpp"

#include "infinite_map/tile_store.hpp"
#include "tests/infinite_map/plane.hpp"

#include <numeric>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;
using namespace pxos::infinite_map::test;

namespace {

/// Pixel (x, y) of the plane at `level`; empty where nothing is.
std::optional<Rgba> look(const TileStore& tiles, Point at, unsigned level) {
  std::optional<Rgba> out;
  const std::array<std::int64_t, 1> x{at.x};
  const std::array<std::int64_t, 1> y{at.y};
  REQUIRE(tiles.draw({x, y, level}, [&](std::size_t, std::size_t, const std::uint8_t* p) {
    out = Rgba{p[0], p[1], p[2], p[3]};
  }));
  return out;
}

}  // namespace

TEST_CASE("a pixel of level L is the mean of the pixels under it", "[map]") {
  TileStore tiles(tight(GENERATE(0U, 100U)));
  CounterRng rng(1);
  const Rect area{-512, 0, 512, 256};
  ByteVector pixels = random_pixels(rng, area);
  for (std::size_t i = 3; i < pixels.size(); i += 4) pixels[i] = 255;
  REQUIRE(tiles.write(area, pixels));
  for (const unsigned level : {1U, 3U, 6U}) {
    const std::int64_t side = std::int64_t{1} << level;
    std::array<double, 3> sum{};
    for (std::int64_t y = 64; y < 64 + side; ++y) {
      for (std::int64_t x = 192; x < 192 + side; ++x) {
        for (std::size_t c = 0; c < 3; ++c)
          sum[c] += pixels[static_cast<std::size_t>(y * area.width + x) * 4 + c];
      }
    }
    const auto found = look(tiles, {area.x + 192, 64}, level);
    REQUIRE(found);
    const double count = static_cast<double>(side * side);
    // Each level rounds by at most half a step.
    REQUIRE(std::abs(found->r - sum[0] / count) <= 0.5 * level + 0.5);
    REQUIRE(std::abs(found->g - sum[1] / count) <= 0.5 * level + 0.5);
    REQUIRE(std::abs(found->b - sum[2] / count) <= 0.5 * level + 0.5);
    REQUIRE(found->a == 255);
  }
}

TEST_CASE("untouched space fades a pixel, it does not darken it", "[map]") {
  TileStore tiles;
  REQUIRE(tiles.fill({0, 0, 1, 1}, {200, 100, 0, 255}));
  REQUIRE(look(tiles, {0, 0}, 1) == Rgba{200, 100, 0, 64});
  REQUIRE(look(tiles, {512, 0}, 0) == std::nullopt);
  REQUIRE(look(tiles, {std::int64_t{1} << 50, 0}, 12) == std::nullopt);
}

TEST_CASE("a write shows at every level that was looked at before", "[map]") {
  TileStore tiles;
  REQUIRE(tiles.fill({-1024, -1024, 2048, 2048}, {10, 10, 10, 255}));
  for (unsigned level = 0; level <= 14; ++level) REQUIRE(look(tiles, {-1, -1}, level));
  REQUIRE(tiles.fill({-1024, -1024, 1024, 1024}, {210, 10, 10, 255}));
  for (unsigned level = 0; level <= 10; ++level)
    REQUIRE(look(tiles, {-1, -1}, level) == Rgba{210, 10, 10, 255});
  const TileSnapshot saved = tiles.snapshot();
  REQUIRE(tiles.clear({-2048, -2048, 4096, 4096}));
  REQUIRE(look(tiles, {-1, -1}, 5).value_or(Rgba{0, 0, 0, 0}) == Rgba{0, 0, 0, 0});
  REQUIRE(tiles.restore(saved));
  REQUIRE(look(tiles, {-1, -1}, 5) == Rgba{210, 10, 10, 255});
}
