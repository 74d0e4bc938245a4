#include "infinite_map/spatial_index.hpp"

#include "pxvm/base/rng.hpp"

#include <limits>

#include <catch2/catch.hpp>

using namespace pxos;
using infinite_map::Rect;
using infinite_map::SpatialIndex;

namespace {

/// Rectangles of very different shapes, one per cell of a coarse grid so that none overlap.
std::vector<Rect> scattered(std::size_t count, std::uint64_t seed) {
  CounterRng rng(seed);
  std::vector<Rect> out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto cx = static_cast<std::int64_t>(i % 40) - 20;
    const auto cy = static_cast<std::int64_t>(i / 40) - 20;
    const std::int64_t w = 1 + rng.next_u32() % (std::uint32_t{1} << (rng.next_u32() % 11));
    const std::int64_t h = 1 + rng.next_u32() % (std::uint32_t{1} << (rng.next_u32() % 11));
    out.push_back({cx * 4096 + rng.next_u32() % 3000, cy * 4096 + rng.next_u32() % 3000, w, h});
  }
  return out;
}

}  // namespace

TEST_CASE("lookups equal a linear search, also after removals", "[map]") {
  auto rects = scattered(1500, 1);
  SpatialIndex index;
  for (std::uint32_t i = 0; i < rects.size(); ++i) index.insert(rects[i], i);
  std::vector<bool> there(rects.size(), true);
  CounterRng rng(2);
  for (int round = 0; round < 4000; ++round) {
    if (round % 5 == 0) {
      const std::uint32_t victim = rng.next_u32() % static_cast<std::uint32_t>(rects.size());
      if (there[victim]) index.erase(rects[victim], victim);
      there[victim] = false;
    }
    const auto near = rects[rng.next_u32() % rects.size()];
    const infinite_map::Point p{near.x + static_cast<int>(rng.next_u32() % 40) - 5,
                                near.y + static_cast<int>(rng.next_u32() % 40) - 5};
    const Rect area{p.x - 3000, p.y - 100, 1 + rng.next_u32() % 9000, 1 + rng.next_u32() % 9000};
    std::optional<std::uint32_t> at;
    std::vector<std::uint32_t> in;
    for (std::uint32_t i = 0; i < rects.size(); ++i) {
      if (there[i] && rects[i].contains(p)) at = i;
      if (there[i] && rects[i].overlaps(area)) in.push_back(i);
    }
    REQUIRE(index.at(p) == at);
    REQUIRE(index.in(area) == in);
    REQUIRE(index.any_in(area) == (in.empty() ? std::nullopt : std::optional(in.front())));
  }
}

TEST_CASE("the whole plane and its corners can be asked for", "[map]") {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  SpatialIndex index;
  index.insert({kMin, kMin, 10, 10}, 0);
  index.insert({kMax - 10, kMax - 10, 10, 10}, 1);
  index.insert({0, 0, std::int64_t{1} << 40, 1}, 2);
  REQUIRE(index.at({kMin + 9, kMin}) == 0U);
  REQUIRE(index.at({kMax - 1, kMax - 1}) == 1U);
  REQUIRE(index.at({(std::int64_t{1} << 40) - 1, 0}) == 2U);
  REQUIRE(index.in({kMin, kMin, kMax, kMax}) == std::vector<std::uint32_t>{0});
  REQUIRE(index.in({-1, -1, kMax, kMax}) == std::vector<std::uint32_t>{1, 2});
  REQUIRE(index.in({}).empty());
}

TEST_CASE("any order of insertion and removal leaves the right lookups", "[map]") {
  // Rows first, columns first, and layers of ever smaller rectangles around one corner.
  std::vector<std::vector<Rect>> layouts(3);
  for (std::int64_t i = 0; i < 2500; ++i) {
    layouts[0].push_back({i % 50 * 10, i / 50 * 10, 9, 10});
    layouts[1].push_back({i / 50 * 100, i % 50 * 3, 100, 3});
  }
  for (unsigned k = 0; k < 60; ++k) {
    const std::int64_t s = std::int64_t{1} << k;
    layouts[2].push_back({s, 0, s, 1});
    layouts[2].push_back({0, s, 1, s});
    layouts[2].push_back({-2 * s, s, s, s});
  }
  for (const std::vector<Rect>& rects : layouts) {
    SpatialIndex index;
    for (std::uint32_t i = 0; i < rects.size(); ++i) index.insert(rects[i], i);
    for (std::uint32_t i = 0; i < rects.size(); ++i) {
      REQUIRE(index.at({rects[i].x, rects[i].y}) == i);
      REQUIRE(index.at({rects[i].right() - 1, rects[i].bottom() - 1}) == i);
      REQUIRE(index.in(rects[i]) == std::vector<std::uint32_t>{i});
    }
    for (std::uint32_t i = 0; i < rects.size(); ++i) {
      index.erase(rects[i], i);
      REQUIRE_FALSE(index.at({rects[i].x, rects[i].y}));
      REQUIRE_FALSE(index.any_in(rects[i]));
    }
    for (std::uint32_t i = 0; i < rects.size(); ++i) index.insert(rects[i], i);
    REQUIRE(index
                .in({-(std::int64_t{1} << 62), -(std::int64_t{1} << 62),
                     std::numeric_limits<std::int64_t>::max(),
                     std::numeric_limits<std::int64_t>::max()})
                .size() == rects.size());
  }
}
