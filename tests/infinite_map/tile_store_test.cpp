#include "infinite_map/tile_store.hpp"

#include "tests/infinite_map/plane.hpp"
#include "tests/support/temp_folder.hpp"

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;
using namespace pxos::infinite_map::test;

TEST_CASE("what is written over tile borders is read back, whatever fits in memory", "[map]") {
  const std::uint64_t budget = GENERATE(0U, 1U, 3U, 1000U);
  TileStore tiles(tight(budget));
  Plane plane;
  CounterRng rng(1);
  for (int i = 0; i < 40; ++i) {
    const Rect r = random_rect(rng, 600, 300, 20);
    const ByteVector pixels = random_pixels(rng, r);
    REQUIRE(tiles.write(r, pixels));
    plane.write(r, pixels);
  }
  const Rect all{-700, -700, 1700, 1400};
  REQUIRE(read_all(tiles, all) == plane.read(all));
  REQUIRE(tiles.stats().resident_bytes <= budget * kTileBytes);
  REQUIRE(tiles.stats().peak_bytes <= (budget + 1) * kTileBytes);
  if (budget < 4) REQUIRE(tiles.stats().restored > 0);
}

TEST_CASE("only touched tiles cost memory, and zeros touch nothing", "[map]") {
  TileStore tiles;
  const ByteVector pixel{1, 2, 3, 4};
  REQUIRE(tiles.write({std::int64_t{1} << 50, -(std::int64_t{1} << 50), 1, 1}, pixel));
  REQUIRE(tiles.write({-1, -1, 1, 1}, pixel));
  REQUIRE(tiles.write({5000, 5000, 300, 1}, ByteVector(1200, 0)));
  REQUIRE(tiles.bytes() == 2 * kTileBytes);
  REQUIRE(read_all(tiles, {-1, -1, 1, 1}) == pixel);
}

TEST_CASE("fill and clear agree with pixel by pixel", "[map]") {
  TileStore tiles;
  Plane plane;
  CounterRng rng(2);
  for (int i = 0; i < 30; ++i) {
    const Rect r = random_rect(rng, 500, 600, 300);
    const auto v = static_cast<std::uint8_t>(i % 3 == 0 ? 0 : i);
    REQUIRE((v == 0 ? tiles.clear(r) : tiles.fill(r, {v, v, v, v})));
    plane.write(r, same_pixels(r, v));
  }
  const Rect all{-600, -600, 1700, 1500};
  REQUIRE(read_all(tiles, all) == plane.read(all));
  REQUIRE(tiles.clear({-(std::int64_t{1} << 60), -(std::int64_t{1} << 60), std::int64_t{1} << 61,
                       std::int64_t{1} << 61}));
  REQUIRE(tiles.tiles() == 0);
}

TEST_CASE("a copy behaves as if through a buffer, in every direction of overlap", "[map]") {
  TileStore tiles;
  Plane plane;
  CounterRng rng(3);
  const Rect area{-300, -300, 900, 700};
  const ByteVector first = random_pixels(rng, area);
  REQUIRE(tiles.write(area, first));
  plane.write(area, first);
  // The widest is more than a band high only at one row a band; both kinds are here.
  for (const Point by : {Point{0, 1}, Point{0, -1}, Point{1, 0}, Point{-1, 0}, Point{37, 29},
                         Point{-37, 29}, Point{300, -3}, Point{-5, -300}}) {
    const Rect from{-100, -90, 400, 250};
    const Point to{from.x + by.x, from.y + by.y};
    REQUIRE(tiles.copy(from, to));
    plane.write({to.x, to.y, from.width, from.height}, plane.read(from));
    REQUIRE(read_all(tiles, area) == plane.read(area));
  }
}

TEST_CASE("a copy higher than its buffer is overlap-safe too", "[map]") {
  TileStore tiles;
  CounterRng rng(4);
  const Rect area{0, 0, 1200, 2000};
  const ByteVector pixels = random_pixels(rng, area);
  for (const std::int64_t dy : {std::int64_t{700}, std::int64_t{-700}}) {
    REQUIRE(tiles.write(area, pixels));
    REQUIRE(tiles.copy(area, {3, dy}));
    REQUIRE(read_all(tiles, {3, dy, area.width, area.height}) == pixels);
  }
}

TEST_CASE("impossible rectangles and wrong byte counts change nothing", "[map]") {
  TileStore tiles;
  const ByteVector pixels(64, 1);
  ByteVector out(64);
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  REQUIRE(tiles.write({0, 0, 5, 5}, pixels).error().code == Errc::kUsage);
  REQUIRE(tiles.write({0, 0, -4, -4}, pixels).error().code == Errc::kUsage);
  REQUIRE(tiles.write({kHuge, 0, 4, 4}, pixels).error().code == Errc::kUsage);
  REQUIRE(tiles.read({0, 0, kHuge, 4}, {}).error().code == Errc::kUsage);
  REQUIRE(tiles.read({-kHuge, 0, 4, 4}, out).error().code == Errc::kUsage);
  REQUIRE(
      tiles.fill({0, 0, std::int64_t{1} << 40, std::int64_t{1} << 40}, {1, 2, 3, 4}).error().code ==
      Errc::kLimit);
  REQUIRE(tiles.copy({0, 0, 4, 4}, {kHuge, kHuge}).error().code == Errc::kUsage);
  REQUIRE(tiles.tiles() == 0);
  REQUIRE(tiles.write({3, 3, 0, 0}, {}));
}

TEST_CASE("the number of tiles is capped", "[map]") {
  TileOptions options;
  options.max_tiles = 2;
  TileStore tiles(options);
  const ByteVector pixel{1, 1, 1, 1};
  REQUIRE(tiles.write({0, 0, 1, 1}, pixel));
  REQUIRE(tiles.write({256, 0, 1, 1}, pixel));
  REQUIRE(tiles.write({512, 0, 1, 1}, pixel).error().code == Errc::kLimit);
  REQUIRE(tiles.write({0, 0, 1, 1}, pixel));
}

TEST_CASE("a snapshot keeps the plane as it was, and restores all of it or a part", "[map]") {
  TileStore tiles(tight(GENERATE(0U, 100U)));
  CounterRng rng(5);
  const Rect area{-300, -300, 800, 600};
  const ByteVector before = random_pixels(rng, area);
  REQUIRE(tiles.write(area, before));
  const TileSnapshot saved = tiles.snapshot();
  const Rect hole{-50, -40, 500, 300};
  REQUIRE(tiles.fill(hole, {9, 9, 9, 9}));
  REQUIRE(tiles.write({2000, 2000, 1, 1}, ByteVector{1, 2, 3, 4}));
  REQUIRE(tiles.clear({-300, -300, 44, 44}));

  ByteVector seen(before.size());
  REQUIRE(saved.read(area, seen));
  REQUIRE(seen == before);

  const ByteVector now = read_all(tiles, area);
  const Rect part{0, 0, 256, 256};
  REQUIRE(tiles.restore(saved, {part.x, part.y, part.width + 10, part.height}));
  Plane expected;
  expected.write(area, now);
  Plane old;
  old.write(area, before);
  const Rect restored{0, 0, 266, 256};
  expected.write(restored, old.read(restored));
  REQUIRE(read_all(tiles, area) == expected.read(area));

  REQUIRE(tiles.restore(saved));
  REQUIRE(read_all(tiles, area) == before);
  REQUIRE(read_all(tiles, {2000, 2000, 1, 1}) == ByteVector(4, 0));
  TileStore other;
  REQUIRE(other.restore(saved).error().code == Errc::kUsage);
  REQUIRE(other.restore(TileSnapshot(), area).error().code == Errc::kUsage);
}

TEST_CASE("snapshots differ in the tiles that were written between them", "[map]") {
  TileStore tiles;
  REQUIRE(tiles.fill({0, 0, 1024, 512}, {1, 1, 1, 1}));
  const TileSnapshot a = tiles.snapshot();
  REQUIRE(TileSnapshot::changed(a, tiles.snapshot()).empty());
  REQUIRE(tiles.fill({300, 300, 1, 1}, {2, 2, 2, 2}));
  REQUIRE(tiles.fill({-1, -1, 1, 1}, {2, 2, 2, 2}));
  REQUIRE(tiles.clear({768, 0, 256, 256}));
  const TileSnapshot b = tiles.snapshot();
  REQUIRE(TileSnapshot::changed(a, b) == std::vector<TileCoord>{{-1, -1}, {1, 1}, {3, 0}});
  REQUIRE(TileSnapshot::changed(a, b) == TileSnapshot::changed(b, a));
  REQUIRE(TileSnapshot::changed({}, a).size() == 8);
}

TEST_CASE("a snapshot shares tiles until they are written and outlives its plane", "[map]") {
  auto tiles = std::make_unique<TileStore>(tight(100));
  REQUIRE(tiles->fill({0, 0, 1024, 1024}, {1, 2, 3, 4}));
  const std::uint64_t before = tiles->stats().resident_bytes;
  const TileSnapshot saved = tiles->snapshot();
  REQUIRE(tiles->stats().resident_bytes == before);
  REQUIRE(tiles->fill({0, 0, 10, 10}, {9, 9, 9, 9}));
  REQUIRE(tiles->stats().resident_bytes == before + kTileBytes);
  tiles.reset();
  ByteVector pixel(4);
  REQUIRE(saved.read({5, 5, 1, 1}, pixel));
  REQUIRE(pixel == ByteVector{1, 2, 3, 4});
}

TEST_CASE("a pinned tile stays as it was while others write", "[map]") {
  TileStore tiles(tight(0));
  REQUIRE(tiles.fill({0, 0, 256, 256}, {1, 2, 3, 4}));
  auto pin = tiles.pin({10, 10, 20, 20});
  REQUIRE(pin);
  REQUIRE(pin->has_value());
  REQUIRE(tiles.fill({0, 0, 256, 256}, {9, 9, 9, 9}));
  REQUIRE((*pin)->pixels()[offset_in_tile({10, 10})] == 1);
  REQUIRE(read_all(tiles, {10, 10, 1, 1}) == ByteVector(4, 9));
  REQUIRE_FALSE(tiles.pin({250, 0, 10, 1})->has_value());
  REQUIRE_FALSE(tiles.pin({5000, 0, 1, 1})->has_value());
}

TEST_CASE("a tile folder holds what the last flush said", "[map]") {
  const pxos::test::TempFolder folder;
  CounterRng rng(6);
  const Rect area{-300, -200, 700, 500};
  const ByteVector pixels = random_pixels(rng, area);
  const TileOptions options = tight(GENERATE(0U, 2U, 100U));
  {
    auto tiles = TileStore::open(folder / "map", options);
    REQUIRE(tiles);
    REQUIRE((*tiles)->write(area, pixels));
    REQUIRE((*tiles)->flush());
    REQUIRE((*tiles)->fill({0, 0, 300, 300}, {7, 7, 7, 7}));  // never flushed
    REQUIRE(TileStore::open(folder / "map").error().code == Errc::kDenied);
  }
  for (int round = 0; round < 2; ++round) {
    auto tiles = TileStore::open(folder / "map", options);
    REQUIRE(tiles);
    REQUIRE(read_all(**tiles, area) == pixels);
    REQUIRE((*tiles)->flush());
  }
  auto tiles = TileStore::open(folder / "map", options);
  REQUIRE(tiles);
  REQUIRE((*tiles)->clear({-512, -512, 1536, 1536}));
  REQUIRE((*tiles)->flush());
  tiles->reset();
  REQUIRE((*TileStore::open(folder / "map"))->tiles() == 0);
  REQUIRE(std::filesystem::file_size(folder / "map/tiles.pxt") == kTileHeaderBytes);
  TileStore none;
  REQUIRE(none.flush().error().code == Errc::kUsage);
}

TEST_CASE("a folder that cannot hold tiles is an error of the write, and nothing is lost",
          "[map]") {
  TileOptions options = tight(1);
  options.spill_folder = "/proc/self/no-such-folder";
  TileStore tiles(options);
  REQUIRE(tiles.fill({0, 0, 256, 256}, {1, 1, 1, 1}));
  const auto refused = tiles.fill({256, 0, 256, 256}, {2, 2, 2, 2});
  REQUIRE(refused.error().code == Errc::kIo);
  REQUIRE(read_all(tiles, {5, 5, 1, 1}) == ByteVector(4, 1));
}

TEST_CASE("readers never meet half a write", "[map][concurrent]") {
  TileStore tiles(tight(GENERATE(0U, 2U, 100U)));
  const Rect area{-40, -40, 600, 100};
  REQUIRE(tiles.write(area, same_pixels(area, 1)));
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> passes{0};
  const auto read = [&] {
    ByteVector out(static_cast<std::size_t>(area.width * area.height) * 4);
    while (!stop) {
      if (!tiles.read(area, out)) ++torn;
      for (const std::uint8_t b : out) torn += b != out.front() ? 1 : 0;
      const TileSnapshot saved = tiles.snapshot();
      if (!saved.read(area, out)) ++torn;
      for (const std::uint8_t b : out) torn += b != out.front() ? 1 : 0;
      ++passes;
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (int i = 0; i < 60 || passes < 20; ++i) {
    const auto v = static_cast<std::uint8_t>(1 + i % 200);
    if (!(i % 2 == 0 ? tiles.write(area, same_pixels(area, v)) : tiles.fill(area, {v, v, v, v})))
      ++torn;
  }
  stop = true;
  first.join();
  second.join();
  REQUIRE(torn == 0);
}
