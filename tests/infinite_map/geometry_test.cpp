#include "infinite_map/geometry.hpp"

#include <limits>

#include <catch2/catch.hpp>

using pxos::infinite_map::Rect;

TEST_CASE("rectangles are half-open", "[map]") {
  const Rect r{-3, 2, 4, 5};
  REQUIRE(r.contains({-3, 2}));
  REQUIRE(r.contains({0, 6}));
  REQUIRE_FALSE(r.contains({1, 2}));
  REQUIRE_FALSE(r.contains({0, 7}));
  REQUIRE_FALSE(r.overlaps({1, 2, 10, 10}));
  REQUIRE(r.overlaps({0, 6, 1, 1}));
  REQUIRE_FALSE(r.overlaps({-2, 3, 0, 5}));
}

TEST_CASE("rectangles whose far edge overflows are not valid", "[map]") {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  REQUIRE(pxos::infinite_map::is_valid({kMax - 5, 0, 5, 1}));
  REQUIRE_FALSE(pxos::infinite_map::is_valid({kMax - 5, 0, 6, 1}));
  REQUIRE_FALSE(pxos::infinite_map::is_valid({0, 0, -1, 1}));
}

TEST_CASE("united ignores empty rectangles", "[map]") {
  const Rect r{5, 5, 2, 2};
  REQUIRE(united({}, r) == r);
  REQUIRE(united(r, {}) == r);
  REQUIRE(united(r, {-1, 9, 1, 1}) == Rect{-1, 5, 8, 5});
}
