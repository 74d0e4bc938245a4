// Blocks of 32 columns with one scale.

#include "pxvm/tensor/fit.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "pxvm/tensor/quantize_block.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace pxos::tensor {
namespace {

constexpr std::size_t kBlock = 32;

float inverse(float d) {
  return d == 0 ? 0 : 1 / d;
}

float largest_magnitude(const float* in) {
  float amax = 0;
  for (std::size_t k = 0; k < kBlock; ++k) amax = std::max(amax, std::abs(in[k]));
  return amax;
}

/// The first value of largest magnitude, with its sign.
float extreme(const float* in) {
  float out = 0;
  for (std::size_t k = 0; k < kBlock; ++k) {
    if (std::abs(in[k]) > std::abs(out)) out = in[k];
  }
  return out;
}

int top_code(const BlockSpec& spec) {
  return (1 << (spec.low_bits + spec.high_bits)) - 1;
}

/// Truncation of a value that is not negative, up to the highest code.
std::uint8_t clamped_code(float value, int high) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.0F, static_cast<float>(high)));
}

void quantize_q8_0(const float* in, BlockFields& out) {
  const float d = largest_magnitude(in) / 127.0F;
  const float id = inverse(d);
  out.d = f32_to_f16(d);
  for (std::size_t k = 0; k < kBlock; ++k) {
    const float q = std::clamp(std::round(in[k] * id), -127.0F, 127.0F);
    out.quants[k] = static_cast<std::uint8_t>(q + 128.0F);
  }
}

/// The value of largest magnitude becomes code 0: d = extreme / -zero_point.
void quantize_signed(const BlockSpec& spec, const float* in, BlockFields& out) {
  const auto zero = static_cast<float>(spec.zero_point);
  const float d = extreme(in) / -zero;
  const float id = inverse(d);
  out.d = f32_to_f16(d);
  for (std::size_t k = 0; k < kBlock; ++k) {
    out.quants[k] = clamped_code(in[k] * id + (zero + 0.5F), top_code(spec));
  }
}

/// d = (max - min) / highest code, m = min.
void quantize_with_min(const BlockSpec& spec, const float* in, BlockFields& out) {
  const int top = top_code(spec);
  const auto [low, high] = std::minmax_element(in, in + kBlock);
  const float d = (*high - *low) / static_cast<float>(top);
  const float id = inverse(d);
  out.d = f32_to_f16(d);
  out.m = f32_to_f16(*low);
  for (std::size_t k = 0; k < kBlock; ++k) {
    out.quants[k] = clamped_code((in[k] - *low) * id + 0.5F, top);
  }
}

/// Q4_0, Q5_0 by weighted least squares.
void fit_signed(const BlockSpec& spec, const Columns& columns, BlockFields& out) {
  const int low = -spec.zero_point;
  const int high = spec.zero_point - 1;
  out.d = f32_to_f16(fit_scale(columns, low, high).scale);
  const float id = inverse(f16_to_f32(out.d));
  for (std::size_t k = 0; k < kBlock; ++k) {
    const float q = code_of(columns.x[k], id, static_cast<float>(low), static_cast<float>(high));
    out.quants[k] = static_cast<std::uint8_t>(q - static_cast<float>(low));
  }
}

/// Q4_1, Q5_1 by weighted least squares.
void fit_with_min(const BlockSpec& spec, const Columns& columns, BlockFields& out) {
  const int top = top_code(spec);
  const AffineFit fit = fit_affine(columns, top, OffsetSign::kAny);
  out.d = f32_to_f16(fit.scale);
  out.m = f32_to_f16(fit.offset);
  const float id = inverse(f16_to_f32(out.d));
  const float m = f16_to_f32(out.m);
  for (std::size_t k = 0; k < kBlock; ++k) {
    const float q = code_of(columns.x[k] - m, id, 0, static_cast<float>(top));
    out.quants[k] = static_cast<std::uint8_t>(q);
  }
}

/// Code of the nearest level of an ascending table; the higher one of two equally near.
std::uint8_t nearest_ascending(const std::int8_t* levels, float value) {
  std::uint8_t code = 0;
  // Past the middle of two levels the higher one is nearer.
  while (code < 15 &&
         value - static_cast<float>(levels[code]) >= static_cast<float>(levels[code + 1]) - value) {
    ++code;
  }
  return code;
}

/// Code of the nearest level of any table; the lower code of two equally near.
std::uint8_t nearest_level(const std::int8_t* levels, float value) {
  std::uint8_t best = 0;
  for (std::uint8_t code = 1; code < 16; ++code) {
    const auto there = static_cast<float>(levels[code]);
    if (std::abs(value - there) < std::abs(value - static_cast<float>(levels[best]))) best = code;
  }
  return best;
}

/// The scale with the least square error for the codes that 1 / id chooses: sum(w x l) / sum(w l
/// l).
ScaleFit fit_levels(const BlockSpec& spec, const Columns& columns, float id) {
  float xl = 0;
  float ll = 0;
  for (std::size_t k = 0; k < kBlock; ++k) {
    const auto there =
        static_cast<float>(spec.levels[nearest_ascending(spec.levels, columns.x[k] * id)]);
    xl += columns.weight[k] * columns.x[k] * there;
    ll += columns.weight[k] * there * there;
  }
  if (!(ll > 0)) return {};
  return {xl / ll, xl * xl / ll};
}

/// IQ4_NL: the extreme value lies at the lowest level or up to 7 beside it; the first try is with
/// the other sign. Without importance a column counts by its own square.
void quantize_levels(const BlockSpec& spec, const float* in, const float* importance,
                     BlockFields& out) {
  std::array<float, kBlock> weights;
  for (std::size_t k = 0; k < kBlock; ++k) weights[k] = in[k] * in[k];
  if (importance != nullptr) column_weights(in, importance, kBlock, weights.data());
  const Columns columns{in, weights.data(), kBlock};
  const float peak = extreme(in);
  const auto end = static_cast<float>(spec.levels[0]);
  ScaleFit best;
  if (peak != 0) best = fit_levels(spec, columns, 1 / (-peak / end));
  for (int step = -7; peak != 0 && step <= 7; ++step) {
    const ScaleFit fit = fit_levels(spec, columns, (static_cast<float>(step) + end) / peak);
    if (fit.gain > best.gain) best = fit;
  }
  out.d = f32_to_f16(best.scale);
  const float id = inverse(best.scale);
  for (std::size_t k = 0; k < kBlock; ++k) {
    out.quants[k] = nearest_ascending(spec.levels, in[k] * id);
  }
}

/// MXFP4 by the OCP rule: the scale is 2^(floor(log2 amax) - 2), so that 4 <= amax / scale < 8.
void quantize_mxfp4(const BlockSpec& spec, const float* in, BlockFields& out) {
  const int exponent = std::ilogb(std::max(largest_magnitude(in), 0x1p-126F)) - 2 + 127;
  out.d = static_cast<std::uint16_t>(std::max(exponent, 0));
  const float d = exponent_scale(static_cast<std::uint8_t>(out.d));
  for (std::size_t k = 0; k < kBlock; ++k) {
    out.quants[k] = nearest_level(spec.levels, in[k] / d);
  }
}

}  // namespace

void quantize_small_block(const BlockSpec& spec, const float* in, const float* importance,
                          BlockFields& out) {
  if (spec.exponent_scale) return quantize_mxfp4(spec, in, out);
  if (spec.levels != nullptr) return quantize_levels(spec, in, importance, out);
  if (spec.low_bits == 8) return quantize_q8_0(in, out);
  if (importance == nullptr) {
    return spec.has_min ? quantize_with_min(spec, in, out) : quantize_signed(spec, in, out);
  }
  std::array<float, kBlock> weights;
  column_weights(in, importance, kBlock, weights.data());
  const Columns columns{in, weights.data(), kBlock};
  return spec.has_min ? fit_with_min(spec, columns, out) : fit_signed(spec, columns, out);
}

void column_weights(const float* in, const float* importance, std::size_t n, float* out) {
  float squares = 0;
  float total = 0;
  for (std::size_t k = 0; k < n; ++k) {
    squares += in[k] * in[k];
    total += importance == nullptr ? 1 : importance[k];
  }
  // A column that was never used still deserves something near its value.
  const auto count = static_cast<float>(n);
  const float floor = total / count * 1e-3F;
  bool usable = std::isfinite(squares) && std::isfinite(total) && total > 0 && squares > 0;
  for (std::size_t k = 0; k < n && usable; ++k) {
    const float own = importance == nullptr ? 1 : std::max(importance[k], floor);
    out[k] = own * std::sqrt(squares / count + in[k] * in[k]);
    usable = std::isfinite(out[k]);
  }
  if (!usable) std::fill_n(out, n, 1.0F);
}

}  // namespace pxos::tensor
