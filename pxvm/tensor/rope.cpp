// Rotary position embedding: the table in f64 with our own functions, the rotation by the kernels.

#include "pxvm/tensor/ops.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace pxos::tensor {
namespace {

// Fixed sequences of correctly rounded operations: the same bits on every machine and compiler. An
// FMA that the processor lacks is a library call with the same result.
double fused(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}

/// a * 2^n for results in the normal range.
double scale_by_power(double a, int n) {
  return a * std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

constexpr double kRound = 0x1.8p52;  ///< adding and subtracting it rounds to integer, half to even
constexpr double kLn2High = 0x1.62e42fefa39efp-1;
constexpr double kLn2Low = 0x1.abc9e3b39803fp-56;

/// ln x for normal x > 0: x = m 2^e with m in [sqrt(1/2), sqrt(2)), then 2 atanh((m - 1) / (m +
/// 1)).
double log_f64(double x) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0xf'ffff'ffff'ffffU) | 0x3ff0'0000'0000'0000U);
  if (m > 0x1.6a09e667f3bcdp+0) {
    m = m * 0.5;
    exponent += 1;
  }
  const double f = (m - 1.0) / (m + 1.0);
  const double t = f * f;
  double series = 0;  // sum of t^i / (2 i + 1), |t| <= 0.0295: 12 terms reach 2^-60
  for (int i = 12; i >= 1; --i) series = fused(series, t, 1.0 / (2 * i + 1));
  const double mantissa = fused(2.0 * f * t, series, 2.0 * f);
  const double e = exponent;
  return fused(e, kLn2High, fused(e, kLn2Low, mantissa));
}

/// e^x for |x| < 700.
double exp_f64(double x) {
  const double n = (x * 0x1.71547652b82fep+0 + kRound) - kRound;
  const double r = fused(-n, kLn2Low, fused(-n, kLn2High, x));
  double sum = 1.0;  // Taylor by nested products, |r| <= 0.347: 15 terms reach 2^-60
  for (int i = 15; i >= 1; --i) sum = fused(sum, r / i, 1.0);
  return scale_by_power(sum, static_cast<int>(n));
}

struct SinCos {
  double sin;
  double cos;
};

constexpr int kTerms = 9;

/// (-1)^i / (2 i + first)!, the Taylor coefficients of sine (first = 1) and cosine (first = 0) in
/// x^2.
constexpr std::array<double, kTerms + 1> taylor(int first) {
  std::array<double, kTerms + 1> out{};
  double factorial = 1;  // exact up to 18!, rounded once for 19!
  for (int i = 0; i <= kTerms; ++i) {
    if (i > 0) factorial *= (2 * i + first) * (2 * i + first - 1);
    out[static_cast<std::size_t>(i)] = (i % 2 == 0 ? 1.0 : -1.0) / factorial;
  }
  return out;
}

double polynomial(const std::array<double, kTerms + 1>& c, double t) {
  double sum = c[kTerms];
  for (std::size_t i = kTerms; i-- > 0;) sum = sum * t + c[i];
  return sum;
}

/// For |x| < 2^30: x minus the nearest multiple of pi / 2 (in three parts), then Taylor on |r| <=
/// 0.786.
SinCos sin_cos_f64(double x) {
  static constexpr auto kSine = taylor(1);
  static constexpr auto kCosine = taylor(0);
  const double n = (x * 0x1.45f306dc9c883p-1 + kRound) - kRound;
  double r = fused(-n, 0x1.921fb54442d18p+0, x);
  r = fused(-n, 0x1.1a62633145c07p-54, r);
  r = fused(-n, -0x1.f1976b7ed8fbcp-110, r);
  const double sine = polynomial(kSine, r * r) * r;
  const double cosine = polynomial(kCosine, r * r);
  switch (static_cast<std::int64_t>(n) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

constexpr std::int64_t kChunkElements = 8192;

/// Largest whole number <= x, for |x| < 2^51.
double floor_f64(double x) {
  const double nearest = (x + kRound) - kRound;
  return nearest > x ? nearest - 1 : nearest;
}

/// Which pairs YaRN leaves alone (up to `low`), which it divides (from `high`), and the line
/// between.
struct Ramp {
  double low = 0;
  double high = 0;
  bool is_set = false;

  /// What the frequency of pair i is multiplied with.
  [[nodiscard]] double share(std::int64_t i, const RopeParams& params) const {
    const double divided = 1.0 / static_cast<double>(params.factor);
    if (!is_set) return divided;
    const double along = (static_cast<double>(i) - low) / std::max(0.001, high - low);
    const double kept = 1.0 - std::clamp(along, 0.0, 1.0);
    return kept + (1.0 - kept) * divided;
  }
};

Ramp yarn_ramp(const RopeParams& params, double log_base) {
  if (params.original == 0) return {};
  constexpr double kTwoPi = 0x1.921fb54442d18p+2;
  const auto dims = static_cast<double>(params.dims);
  // The pair that turns `beta` times in `original` positions.
  const auto pair_of = [&](float beta) {
    const double positions = static_cast<double>(params.original) / static_cast<double>(beta);
    return dims * log_f64(positions / kTwoPi) / (2.0 * log_base);
  };
  return {std::max(0.0, floor_f64(pair_of(params.beta_fast))),
          std::min(dims - 1.0, -floor_f64(-pair_of(params.beta_slow))), true};
}

}  // namespace

void rope_table(const RopeParams& params, std::int64_t first, std::span<float> table,
                std::span<const float> factors) {
  PX_ASSERT(params.dims > 0 && params.dims % 2 == 0 && first >= 0 && params.base > 0);
  const std::int64_t positions = static_cast<std::int64_t>(table.size()) / params.dims;
  PX_ASSERT(static_cast<std::int64_t>(table.size()) == positions * params.dims);
  PX_ASSERT(factors.empty() || static_cast<std::int64_t>(2 * factors.size()) == params.dims);
  const double log_base = log_f64(static_cast<double>(params.base));
  const Ramp ramp = yarn_ramp(params, log_base);
  const double magnitude = static_cast<double>(params.magnitude);
  for (std::int64_t i = 0; i < params.dims / 2; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(params.dims);
    double frequency = exp_f64(exponent * log_base) * ramp.share(i, params);
    if (!factors.empty()) frequency /= static_cast<double>(factors[static_cast<std::size_t>(i)]);
    for (std::int64_t row = 0; row < positions; ++row) {
      const SinCos angle = sin_cos_f64(static_cast<double>(first + row) * frequency);
      float* entry = table.data() + row * params.dims + 2 * i;
      entry[0] = static_cast<float>(angle.cos * magnitude);
      entry[1] = static_cast<float>(angle.sin * magnitude);
    }
  }
}

bool rope(OpContext& ctx, const RopeParams& params, std::span<const float> table, std::int64_t pos,
          MatF32 x) {
  PX_ASSERT(params.dims <= params.head_dim && x.cols == params.heads * params.head_dim);
  PX_ASSERT(pos >= 0 && static_cast<std::int64_t>(table.size()) >= (pos + x.rows) * params.dims);
  const std::int64_t per_chunk =
      std::max<std::int64_t>(1, kChunkElements / std::max<std::int64_t>(1, x.cols));
  auto chunk = [&](std::size_t index, std::size_t) {
    if (ctx.stop.load(std::memory_order_relaxed)) return;
    const std::int64_t first = static_cast<std::int64_t>(index) * per_chunk;
    const std::int64_t last = std::min(x.rows, first + per_chunk);
    for (std::int64_t t = first; t < last; ++t) {
      const RopeRow row{
          table.data() + (pos + t) * params.dims, static_cast<std::uint32_t>(params.heads),
          static_cast<std::uint32_t>(params.head_dim), static_cast<std::uint32_t>(params.dims),
          params.pairing == RopePairing::kHalves ? 1U : 0U};
      ctx.kernels.rope(row, x.row(t));
    }
  };
  ctx.pool.run(static_cast<std::size_t>((x.rows + per_chunk - 1) / per_chunk), chunk);
  return !ctx.stop.load(std::memory_order_relaxed);
}

}  // namespace pxos::tensor
