#include "pxvm/tensor/fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pxos::tensor {
namespace {

using Codes = std::array<float, kMaxGroupColumns>;
constexpr std::size_t kLanes = 4;

// Sums run in four lanes, so that the compiler may use vectors without reordering anything.
struct Lanes {
  std::array<float, kLanes> at{};
  [[nodiscard]] float sum() const { return (at[0] + at[2]) + (at[1] + at[3]); }
};

/// q[k] = nearest level of (x[k] - offset) / scale.
void choose(const Columns& c, float inverse, float offset, float low, float high, Codes& q) {
  for (std::size_t k = 0; k < c.n; ++k) q[k] = code_of(c.x[k] - offset, inverse, low, high);
}

/// Weighted moments of codes against values.
struct Moments {
  float q = 0;   ///< sum w q
  float qq = 0;  ///< sum w q^2
  float xq = 0;  ///< sum w x q
};

Moments moments(const Columns& c, const Codes& q) {
  Lanes wq;
  Lanes wqq;
  Lanes wxq;
  for (std::size_t k = 0; k < c.n; k += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float wq_k = c.weight[k + l] * q[k + l];
      wq.at[l] += wq_k;
      wqq.at[l] += wq_k * q[k + l];
      wxq.at[l] += wq_k * c.x[k + l];
    }
  }
  return {wq.sum(), wqq.sum(), wxq.sum()};
}

/// Least squares over the scale alone: scale = sum w x q / sum w q^2.
ScaleFit best_scale(const Columns& c, const Codes& q) {
  const Moments m = moments(c, q);
  if (!(m.qq > 0)) return {};
  return {m.xq / m.qq, m.xq * m.xq / m.qq};
}

/// Sums that do not depend on the codes.
struct Totals {
  float w = 0;
  float x = 0;  ///< sum w x
};

Totals totals(const Columns& c) {
  Totals out;
  for (std::size_t k = 0; k < c.n; ++k) {
    out.w += c.weight[k];
    out.x += c.weight[k] * c.x[k];
  }
  return out;
}

float error_of(const Columns& c, const Codes& q, float scale, float offset) {
  Lanes sum;
  for (std::size_t k = 0; k < c.n; k += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float difference = scale * q[k + l] + offset - c.x[k + l];
      sum.at[l] += c.weight[k + l] * difference * difference;
    }
  }
  return sum.sum();
}

/// Least squares over scale and offset; a positive offset that is not wanted becomes 0.
///   [sum w q^2  sum w q] [scale ]   [sum w x q]
///   [sum w q    sum w  ] [offset] = [sum w x  ]
AffineFit best_affine(const Columns& c, const Totals& t, const Codes& q, OffsetSign sign) {
  const Moments m = moments(c, q);
  AffineFit out;
  const float determinant = m.qq * t.w - m.q * m.q;
  if (determinant > 0) {
    out.scale = (t.w * m.xq - t.x * m.q) / determinant;
    out.offset = (m.qq * t.x - m.q * m.xq) / determinant;
  }
  if (!(determinant > 0) || (sign == OffsetSign::kNotPositive && out.offset > 0)) {
    out.offset = 0;
    out.scale = m.qq > 0 ? m.xq / m.qq : 0;
  }
  out.error = error_of(c, q, out.scale, out.offset);
  return out;
}

/// The value of largest magnitude.
float extreme(const Columns& c) {
  return *std::max_element(c.x, c.x + c.n,
                           [](float a, float b) { return std::abs(a) < std::abs(b); });
}

}  // namespace

// Starting scales put the extreme value near either end of the levels; past the end it is clipped,
// which a few other columns may be worth.
ScaleFit fit_scale(const Columns& c, int low, int high) {
  const float peak = extreme(c);
  ScaleFit best;
  if (peak == 0) return best;
  const auto bottom = static_cast<float>(low);
  const auto top = static_cast<float>(high);
  Codes q;
  for (const float end : {bottom, top}) {
    for (int step = -8; step <= 8; ++step) {
      choose(c, (end + 0.1F * static_cast<float>(step)) / peak, 0, bottom, top, q);
      ScaleFit fit = best_scale(c, q);
      if (fit.gain > best.gain) best = fit;
    }
  }
  for (int round = 0; round < 2 && best.scale != 0; ++round) {
    choose(c, 1 / best.scale, 0, bottom, top, q);
    const ScaleFit fit = best_scale(c, q);
    if (fit.gain > best.gain) best = fit;
  }
  return best;
}

AffineFit fit_affine(const Columns& c, int top, OffsetSign sign) {
  const auto [low, high] = std::minmax_element(c.x, c.x + c.n);
  const float start = sign == OffsetSign::kNotPositive ? std::min(*low, 0.0F) : *low;
  const float width = *high - start;
  const Totals t = totals(c);
  AffineFit best{0, start, std::numeric_limits<float>::infinity()};
  if (!(width > 0)) {
    best.error = representation_error(c, 0, start, 0, top);
    return best;
  }
  const auto last = static_cast<float>(top);
  Codes q;
  for (int step = -10; step <= 10; ++step) {
    choose(c, (last + 0.1F * static_cast<float>(step)) / width, start, 0, last, q);
    AffineFit fit = best_affine(c, t, q, sign);
    if (fit.error < best.error && fit.scale > 0) best = fit;
  }
  for (int round = 0; round < 2 && best.scale > 0; ++round) {
    choose(c, 1 / best.scale, best.offset, 0, last, q);
    const AffineFit fit = best_affine(c, t, q, sign);
    if (fit.error < best.error && fit.scale > 0) best = fit;
  }
  return best;
}

float representation_error(const Columns& c, float scale, float offset, int low, int high) {
  Codes q;
  choose(c, scale == 0 ? 0 : 1 / scale, offset, static_cast<float>(low), static_cast<float>(high),
         q);
  return error_of(c, q, scale, offset);
}

}  // namespace pxos::tensor
