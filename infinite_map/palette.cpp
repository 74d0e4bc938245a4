#include "infinite_map/palette.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace pxos::infinite_map {
namespace {

struct Stop {
  float at;
  float r, g, b;
};

/// Rounded, clipped to a byte.
std::uint8_t channel(float value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F) + 0.5F);
}

/// Linear between stops. Requires: stops ascend from 0 to 1, 0 <= t <= 1.
template <std::size_t N>
Rgba gradient(const std::array<Stop, N>& stops, float t) {
  std::size_t i = 1;
  while (i + 1 < N && t > stops[i].at) ++i;
  const Stop& a = stops[i - 1];
  const Stop& b = stops[i];
  const float f = (t - a.at) / (b.at - a.at);
  return {channel(a.r + f * (b.r - a.r)), channel(a.g + f * (b.g - a.g)),
          channel(a.b + f * (b.b - a.b)), 255};
}

/// |t| clipped to 1; the square root keeps small values visible.
float magnitude(float t) {
  return std::sqrt(std::min(std::fabs(t), 1.0F));
}

// Luminance grows along every gradient, so magnitude reads without colour vision too.
constexpr std::array<Stop, 3> kCold{{{0, 16, 17, 22}, {0.6F, 36, 96, 190}, {1, 150, 210, 255}}};
constexpr std::array<Stop, 3> kWarm{{{0, 16, 17, 22}, {0.6F, 196, 84, 36}, {1, 255, 214, 150}}};
constexpr std::array<Stop, 5> kHeat{{{0, 6, 5, 18},
                                     {0.25F, 74, 20, 110},
                                     {0.5F, 188, 54, 84},
                                     {0.75F, 249, 142, 9},
                                     {1, 252, 255, 210}}};
constexpr std::array<Stop, 3> kAge{{{0, 190, 255, 235}, {0.35F, 40, 170, 190}, {1, 52, 56, 120}}};

}  // namespace

Rgba diverging_color(float t) {
  if (std::isnan(t)) return kNotANumber;
  return gradient(t < 0 ? kCold : kWarm, magnitude(t));
}

Rgba heat_color(float t) {
  return std::isnan(t) ? kNotANumber : gradient(kHeat, magnitude(t));
}

// Never black: an old row of zeros is still told from an unfilled one.
Rgba age_color(float t, float age) {
  if (std::isnan(t)) return kNotANumber;
  const Rgba hue = gradient(kAge, std::clamp(age, 0.0F, 1.0F));
  const float light = 0.15F + 0.85F * magnitude(t);
  return {channel(light * hue.r), channel(light * hue.g), channel(light * hue.b), 255};
}

Rgba unfilled_color(std::int64_t row) {
  const bool odd = (row & 16) != 0;  // faint bands of sixteen rows show the scale
  return odd ? Rgba{24, 26, 34, 255} : Rgba{20, 22, 29, 255};
}

// The age palette keeps its brightness in the table (as 0..255 in r) and its hue apart.
FalseColor::FalseColor(Palette palette, float scale)
    : palette_(palette), steps_per_unit_(static_cast<float>(kSteps) / (scale > 0 ? scale : 1.0F)) {
  for (int i = 0; i <= kSteps; ++i) {
    const float t = static_cast<float>(i) / static_cast<float>(kSteps);
    if (palette_ == Palette::kAge) {
      positive_.push_back({channel(255 * (0.15F + 0.85F * magnitude(t))), 0, 0, 255});
    } else {
      positive_.push_back(palette_ == Palette::kHeat ? heat_color(t) : diverging_color(t));
    }
    negative_.push_back(palette_ == Palette::kDiverging ? diverging_color(-t) : positive_.back());
  }
  set_age(0);
}

void FalseColor::set_age(float age) {
  hue_ = gradient(kAge, std::clamp(age, 0.0F, 1.0F));
}

Rgba FalseColor::operator()(float value) const {
  if (std::isnan(value)) return kNotANumber;
  const float step = std::min(std::fabs(value) * steps_per_unit_, static_cast<float>(kSteps));
  const auto at = static_cast<std::size_t>(step + 0.5F);
  if (palette_ != Palette::kAge) return value < 0 ? negative_[at] : positive_[at];
  const std::uint32_t light = positive_[at].r;
  const auto lit = [light](std::uint8_t c) {
    return static_cast<std::uint8_t>((light * c + 127) / 255);
  };
  return {lit(hue_.r), lit(hue_.g), lit(hue_.b), 255};
}

}  // namespace pxos::infinite_map
