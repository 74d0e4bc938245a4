#include "infinite_map/spatial_index.hpp"

#include "pxvm/base/rng.hpp"

#include <chrono>
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

TEST_CASE("lookup cost does not grow with the number of regions", "[map]") {
  const auto nanoseconds = [](std::int64_t side) {
    SpatialIndex index;
    for (std::int64_t i = 0; i < side * side; ++i) {
      index.insert({i % side * 100, i / side * 100, 1 + i % 90, 1 + i % 70},
                   static_cast<std::uint32_t>(i));
    }
    CounterRng rng(3);
    double best = 1e9;  // of many short batches: the machine may be busy
    for (int batch = 0; batch < 20; ++batch) {
      std::uint64_t found = 0;
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < 1000; ++i) {
        const auto x =
            static_cast<std::int64_t>(rng.next_u32() % static_cast<std::uint32_t>(side * 100));
        const auto y =
            static_cast<std::int64_t>(rng.next_u32() % static_cast<std::uint32_t>(side * 100));
        if (index.at({x, y})) ++found;
      }
      const std::chrono::duration<double, std::nano> spent =
          std::chrono::steady_clock::now() - start;
      best = std::min(best, spent.count() / 1000);
      REQUIRE(found > 50);
    }
    return best;
  };
  const double few = nanoseconds(20);
  const double many = nanoseconds(300);
  WARN("find by point: " << few << " ns among 400, " << many << " ns among 90 000");
  REQUIRE(many < 60 * few);  // a linear search would be 225 times as slow; cache misses are not
}
