#pragma once
// Weighted least squares for a group of columns that share a scale: which scale (and offset)
// represents them best by small integers. Private to the quantisers. Pure functions.
//
// The codes of a given scale are the nearest levels; the best scale of given codes is a linear
// least-squares problem. Both are alternated from a few starting scales and the best result kept.
// Codes round half to even (adding 1.5 * 2^23), which costs two additions.

#include <array>
#include <cstddef>

namespace pxos::tensor {

/// Most columns that share a scale.
inline constexpr std::size_t kMaxGroupColumns = 32;

/// What is to be represented: n columns (a multiple of 4, at most kMaxGroupColumns) and how much an
/// error in each counts. Borrows.
struct Columns {
  const float* x = nullptr;
  const float* weight = nullptr;  ///< >= 0, not all 0
  std::size_t n = 0;
};

/// x[k] ~ scale * q[k]; q in low..high.
struct ScaleFit {
  float scale = 0;  ///< may be negative
  float gain = 0;   ///< how much of sum w x^2 it explains: the square error is that minus the gain
};
/// Requires: low < 0 < high, -low >= high.
[[nodiscard]] ScaleFit fit_scale(const Columns& columns, int low, int high);

/// x[k] ~ scale * q[k] + offset; q in 0..top.
struct AffineFit {
  float scale = 0;   ///< >= 0
  float offset = 0;  ///< <= 0 when asked for
  float error = 0;   ///< weighted square error
};
enum class OffsetSign : bool { kAny, kNotPositive };
[[nodiscard]] AffineFit fit_affine(const Columns& columns, int top, OffsetSign sign);

/// Weighted square error of x ~ scale * q + offset with the best q in low..high.
[[nodiscard]] float representation_error(const Columns& columns, float scale, float offset, int low,
                                         int high);

/// Nearest integer, half to even. Requires: |value| < 2^22.
[[nodiscard]] inline float nearest(float value) {
  constexpr float kRound = 0x1.8p23F;
  return (value + kRound) - kRound;
}

/// x / scale + shift as an integer in low..high; 0 / 0 is `low` clamped to 0.
[[nodiscard]] inline float code_of(float x, float inverse, float low, float high) {
  const float q = x * inverse;
  // Clamped first: the rounding needs a small number. A NaN becomes `low`.
  return nearest(q > low ? (q < high ? q : high) : low);
}

}  // namespace pxos::tensor
