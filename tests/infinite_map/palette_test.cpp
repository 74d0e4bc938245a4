#include "infinite_map/palette.hpp"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

using namespace pxos::infinite_map;

namespace {
int light(Rgba c) {
  return c.r + c.g + c.b;
}
}  // namespace

TEST_CASE("palettes grow brighter with magnitude and saturate", "[map]") {
  for (int i = 1; i <= 20; ++i) {
    const float a = static_cast<float>(i - 1) / 20.0F;
    const float b = static_cast<float>(i) / 20.0F;
    REQUIRE(light(diverging_color(b)) >= light(diverging_color(a)));
    REQUIRE(light(diverging_color(-b)) >= light(diverging_color(-a)));
    REQUIRE(light(heat_color(b)) >= light(heat_color(a)));
    REQUIRE(light(age_color(b, 0.5F)) >= light(age_color(a, 0.5F)));
    REQUIRE(light(age_color(1, b)) <= light(age_color(1, a)));
  }
  REQUIRE(diverging_color(7) == diverging_color(1));
  REQUIRE(heat_color(std::numeric_limits<float>::infinity()) == heat_color(1));
}

TEST_CASE("the sign shows: cold negative, warm positive", "[map]") {
  REQUIRE(diverging_color(-0.6F).b > diverging_color(-0.6F).r);
  REQUIRE(diverging_color(0.6F).r > diverging_color(0.6F).b);
  REQUIRE(diverging_color(0) == diverging_color(-0.0F));
}

TEST_CASE("what is not a number is magenta everywhere", "[map]") {
  REQUIRE(diverging_color(NAN) == kNotANumber);
  REQUIRE(heat_color(NAN) == kNotANumber);
  REQUIRE(age_color(NAN, 0) == kNotANumber);
}
