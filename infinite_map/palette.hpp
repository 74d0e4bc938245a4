#pragma once
// False colours. Pure functions; a value that is not a number is magenta in every palette.

#include "infinite_map/source.hpp"

#include <vector>

namespace pxos::infinite_map {

inline constexpr Rgba kBackground{14, 15, 19, 255};
inline constexpr Rgba kNotANumber{255, 0, 255, 255};

/// Blue for negative, near black for zero, orange for positive; t = value / scale, saturating at -1
/// and 1.
[[nodiscard]] Rgba diverging_color(float t);
/// Black, violet, red, orange, pale yellow by |t|.
[[nodiscard]] Rgba heat_color(float t);
/// A KV row: `age` 0 = newest (bright) .. 1 = oldest (dim); |t| sets the brightness.
[[nodiscard]] Rgba age_color(float t, float age);
/// A row that is allocated but not filled yet.
[[nodiscard]] Rgba unfilled_color(std::int64_t row);

/// The palettes by table, for pictures that average many values a pixel. Within 3 levels of the
/// functions above.
class FalseColor {
 public:
  /// `scale` <= 0 counts as 1.
  FalseColor(Palette palette, float scale);
  /// Age palette only: the age of the values that come next.
  void set_age(float age);
  [[nodiscard]] Rgba operator()(float value) const;

 private:
  static constexpr int kSteps = 2048;
  Palette palette_;
  float steps_per_unit_;
  std::vector<Rgba> negative_;  ///< by |t|, kSteps + 1 entries
  std::vector<Rgba> positive_;
  Rgba hue_;
};

}  // namespace pxos::infinite_map
