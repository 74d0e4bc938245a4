// Super-blocks of 256 columns: a scale (and minimum) per group, themselves small integers times the
// block's d (and m). Three steps, each a weighted least-squares fit:
//   1. every group alone: real scale and minimum;
//   2. these rounded to integers S, T with d, m so that the largest fits; then S and T of each
//   group
//      moved by one wherever that lowers the error of its columns;
//   3. d and m once more, for all columns together with the codes they have now.
// Codes are chosen last, with d and m as f16 keeps them.

#include "pxvm/tensor/fit.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "pxvm/tensor/quantize_block.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace pxos::tensor {
namespace {

using Integers = std::array<int, kMaxGroups>;

/// The block's columns, group by group.
class Block {
 public:
  Block(const BlockSpec& spec, const float* in, const float* importance)
      : in_(in), group_(spec.group), groups_(kMaxBlock / spec.group) {
    column_weights(in, importance, kMaxBlock, weights_.data());
  }
  [[nodiscard]] std::size_t groups() const { return groups_; }
  [[nodiscard]] std::size_t group_columns() const { return group_; }
  [[nodiscard]] Columns group(std::size_t g) const {
    return {in_ + g * group_, weights_.data() + g * group_, group_};
  }

 private:
  const float* in_;
  std::size_t group_;
  std::size_t groups_;
  std::array<float, kMaxBlock> weights_;
};

float rounded_to_f16(float value) {
  return f16_to_f32(f32_to_f16(value));
}

float inverse(float d) {
  return d == 0 ? 0 : 1 / d;
}

int clamped(float value, int low, int high) {
  return static_cast<int>(
      nearest(std::clamp(value, static_cast<float>(low), static_cast<float>(high))));
}

// ---- x ~ d S q

struct SignedShape {
  int low, high;              ///< of a code
  int scale_low, scale_high;  ///< of S
};

SignedShape signed_shape(const BlockSpec& spec) {
  const int zero = spec.zero_point;
  if (spec.planes == ScalePlanes::kBytes) return {-zero, zero - 1, -128, 127};
  return {-zero, zero - 1, -spec.scale_zero, spec.scale_zero - 1};
}

/// The integer next to `guess` with the least error for these columns.
int best_scale_integer(const Columns& columns, float d, int guess, const SignedShape& shape) {
  int best = guess;
  float least = std::numeric_limits<float>::infinity();
  for (int s = std::max(guess - 1, shape.scale_low); s <= std::min(guess + 1, shape.scale_high);
       ++s) {
    const float error =
        representation_error(columns, d * static_cast<float>(s), 0, shape.low, shape.high);
    if (error < least) {
      least = error;
      best = s;
    }
  }
  return best;
}

/// Least squares over d with codes and S as they are: sum w x S q / sum w (S q)^2.
float refit(const Block& block, float d, const Integers& scales, const SignedShape& shape) {
  double xq = 0;
  double qq = 0;
  for (std::size_t g = 0; g < block.groups(); ++g) {
    const Columns c = block.group(g);
    const auto s = static_cast<float>(scales[g]);
    const float id = inverse(d * s);
    for (std::size_t k = 0; k < c.n; ++k) {
      const float level =
          s * code_of(c.x[k], id, static_cast<float>(shape.low), static_cast<float>(shape.high));
      xq += static_cast<double>(c.weight[k] * c.x[k] * level);
      qq += static_cast<double>(c.weight[k] * level * level);
    }
  }
  return qq > 0 ? static_cast<float>(xq / qq) : d;
}

void quantize_signed(const BlockSpec& spec, const Block& block, BlockFields& out) {
  const SignedShape shape = signed_shape(spec);
  std::array<float, kMaxGroups> wanted{};
  float largest = 0;
  for (std::size_t g = 0; g < block.groups(); ++g) {
    wanted[g] = fit_scale(block.group(g), shape.low, shape.high).scale;
    if (std::abs(wanted[g]) > std::abs(largest)) largest = wanted[g];
  }
  // The lowest integer reaches further than the highest.
  float d = rounded_to_f16(largest / static_cast<float>(shape.scale_low));
  Integers scales{};
  for (std::size_t g = 0; g < block.groups(); ++g) {
    const int guess = clamped(wanted[g] * inverse(d), shape.scale_low, shape.scale_high);
    scales[g] = best_scale_integer(block.group(g), d, guess, shape);
  }
  out.d = f32_to_f16(refit(block, d, scales, shape));
  d = f16_to_f32(out.d);
  for (std::size_t g = 0; g < block.groups(); ++g) {
    const Columns c = block.group(g);
    const float id = inverse(d * static_cast<float>(scales[g]));
    out.scales[g] = static_cast<std::uint8_t>(scales[g] + spec.scale_zero);
    for (std::size_t k = 0; k < c.n; ++k) {
      const float q =
          code_of(c.x[k], id, static_cast<float>(shape.low), static_cast<float>(shape.high));
      out.quants[g * c.n + k] = static_cast<std::uint8_t>(q - static_cast<float>(shape.low));
    }
  }
}

// ---- x ~ d S q - m T

struct AffineShape {
  int top;        ///< highest code
  int top_scale;  ///< highest S and T
};

AffineShape affine_shape(const BlockSpec& spec) {
  return {(1 << (spec.low_bits + spec.high_bits)) - 1,
          spec.planes == ScalePlanes::kNibbles ? 15 : 63};
}

/// d and m, and the integers of each group.
struct AffineScales {
  float d = 0;
  float m = 0;
  Integers s{};
  Integers t{};

  [[nodiscard]] float scale(std::size_t g) const { return d * static_cast<float>(s[g]); }
  [[nodiscard]] float minimum(std::size_t g) const { return m * static_cast<float>(t[g]); }
};

/// The integers next to the group's own with the least error for its columns.
void improve_integers(const Columns& columns, const AffineShape& shape, std::size_t g,
                      AffineScales& out) {
  const int s = out.s[g];
  const int t = out.t[g];
  float least = std::numeric_limits<float>::infinity();
  for (int a = std::max(s - 1, 0); a <= std::min(s + 1, shape.top_scale); ++a) {
    for (int b = std::max(t - 1, 0); b <= std::min(t + 1, shape.top_scale); ++b) {
      const float error = representation_error(columns, out.d * static_cast<float>(a),
                                               -(out.m * static_cast<float>(b)), 0, shape.top);
      if (error >= least) continue;
      least = error;
      out.s[g] = a;
      out.t[g] = b;
    }
  }
}

/// Least squares over d and m with codes, S and T as they are:
///   [sum w (S q)^2  -sum w S q T] [d]   [ sum w x S q]
///   [-sum w S q T   sum w T^2   ] [m] = [-sum w x T  ]
void refit(const Block& block, const AffineShape& shape, AffineScales& out) {
  double qq = 0;
  double qt = 0;
  double tt = 0;
  double xq = 0;
  double xt = 0;
  for (std::size_t g = 0; g < block.groups(); ++g) {
    const Columns c = block.group(g);
    const float id = inverse(out.scale(g));
    const float minimum = out.minimum(g);
    const auto t = static_cast<double>(out.t[g]);
    for (std::size_t k = 0; k < c.n; ++k) {
      const double level = out.s[g] * static_cast<double>(code_of(c.x[k] + minimum, id, 0,
                                                                  static_cast<float>(shape.top)));
      const auto w = static_cast<double>(c.weight[k]);
      qq += w * level * level;
      qt += w * level * t;
      tt += w * t * t;
      xq += w * static_cast<double>(c.x[k]) * level;
      xt += w * static_cast<double>(c.x[k]) * t;
    }
  }
  const double determinant = qq * tt - qt * qt;
  // Nearly dependent columns: what there is, is better than a quotient of rounding errors.
  if (!(determinant > 1e-6 * qq * tt)) return;
  const double d = (xq * tt - xt * qt) / determinant;
  const double m = (xq * qt - xt * qq) / determinant;
  if (!(d > 0) || !(m >= 0)) return;
  out.d = static_cast<float>(d);
  out.m = static_cast<float>(m);
}

AffineScales fit_groups(const Block& block, const AffineShape& shape) {
  std::array<AffineFit, kMaxGroups> wanted;
  float largest_scale = 0;
  float largest_minimum = 0;
  for (std::size_t g = 0; g < block.groups(); ++g) {
    wanted[g] = fit_affine(block.group(g), shape.top, OffsetSign::kNotPositive);
    largest_scale = std::max(largest_scale, wanted[g].scale);
    largest_minimum = std::max(largest_minimum, -wanted[g].offset);
  }
  const auto top = static_cast<float>(shape.top_scale);
  AffineScales out;
  out.d = rounded_to_f16(largest_scale / top);
  out.m = rounded_to_f16(largest_minimum / top);
  for (std::size_t g = 0; g < block.groups(); ++g) {
    out.s[g] = clamped(wanted[g].scale * inverse(out.d), 0, shape.top_scale);
    out.t[g] = clamped(-wanted[g].offset * inverse(out.m), 0, shape.top_scale);
  }
  return out;
}

void quantize_affine_groups(const BlockSpec& spec, const Block& block, BlockFields& out) {
  const AffineShape shape = affine_shape(spec);
  AffineScales scales = fit_groups(block, shape);
  for (std::size_t g = 0; g < block.groups(); ++g) {
    improve_integers(block.group(g), shape, g, scales);
  }
  refit(block, shape, scales);
  out.d = f32_to_f16(scales.d);
  out.m = f32_to_f16(scales.m);
  scales.d = f16_to_f32(out.d);
  scales.m = f16_to_f32(out.m);
  for (std::size_t g = 0; g < block.groups(); ++g) {
    const Columns c = block.group(g);
    out.scales[g] = static_cast<std::uint8_t>(scales.s[g]);
    out.minima[g] = static_cast<std::uint8_t>(scales.t[g]);
    const float id = inverse(scales.scale(g));
    for (std::size_t k = 0; k < c.n; ++k) {
      const float q = code_of(c.x[k] + scales.minimum(g), id, 0, static_cast<float>(shape.top));
      out.quants[g * c.n + k] = static_cast<std::uint8_t>(q);
    }
  }
}

}  // namespace

void quantize_super_block(const BlockSpec& spec, const float* in, const float* importance,
                          BlockFields& out) {
  const Block block(spec, in, importance);
  if (spec.has_min) return quantize_affine_groups(spec, block, out);
  quantize_signed(spec, block, out);
}

}  // namespace pxos::tensor
