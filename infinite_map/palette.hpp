#pragma once
// False colours. Pure functions; a value that is not a number is magenta in every palette.

#include "infinite_map/source.hpp"

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

}  // namespace pxos::infinite_map
