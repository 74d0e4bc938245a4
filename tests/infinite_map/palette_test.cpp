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

TEST_CASE("the table agrees with the palettes it stands for", "[map]") {
  const auto near = [](Rgba a, Rgba b) {
    return std::abs(a.r - b.r) <= 3 && std::abs(a.g - b.g) <= 3 && std::abs(a.b - b.b) <= 3;
  };
  FalseColor weights(Palette::kDiverging, 2.0F);
  FalseColor heat(Palette::kHeat, 2.0F);
  FalseColor age(Palette::kAge, 2.0F);
  age.set_age(0.4F);
  for (float v = -2.5F; v < 2.5F; v += 0.013F) {
    if (std::fabs(v) < 0.01F) continue;  // the square root is steep there
    REQUIRE(near(weights(v), diverging_color(v / 2)));
    REQUIRE(near(heat(v), heat_color(v / 2)));
    REQUIRE(near(age(v), age_color(v / 2, 0.4F)));
  }
  REQUIRE(weights(std::nanf("")) == kNotANumber);
  REQUIRE(weights(std::numeric_limits<float>::infinity()) == diverging_color(1));
}
