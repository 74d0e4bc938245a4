#include "pxvm/text/exp.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace pxos::text {

double exp_fixed(double x) {
  if (x < -708.0) return 0.0;
  // e^x = 2^k * e^r with r = x - k ln 2, |r| <= ln 2 / 2; ln 2 in two parts keeps r exact enough.
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLn2High = 0x1.62e42feep-1;  // 32 bits: k * kLn2High is exact
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  const auto k = static_cast<std::int64_t>(x * kLog2E - 0.5);  // rounds to nearest for x <= 0
  const auto scale = static_cast<double>(k);
  const double r = (x - scale * kLn2High) - scale * kLn2Low;
  // Taylor to r^13 / 13!: the remainder is below 2^-58 at |r| = ln 2 / 2. Horner, one order.
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  // k is in [-1022, 0] here, so 2^k is normal and the product exact unless it underflows.
  return p * std::bit_cast<double>(static_cast<std::uint64_t>(1023 + k) << 52U);
}

// x = m * 2^k with m in [sqrt 1/2, sqrt 2); ln m = 2 artanh((m - 1) / (m + 1)), |s| <= 0.1716.
double log_fixed(double x) {
  int k = 0;
  double m = std::frexp(x, &k);  // exact, in [1/2, 1)
  constexpr double kSqrtHalf = 0.7071067811865476;
  if (m < kSqrtHalf) {
    m *= 2.0;
    --k;
  }
  const double s = (m - 1.0) / (m + 1.0);
  const double q = s * s;
  // The series' next term is below 2^-58 of the sum at the largest s.
  double p = 1.0 / 23.0;
  for (const double n : {21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0})
    p = p * q + 1.0 / n;
  constexpr double kLn2High = 0x1.62e42feep-1;
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  const auto scale = static_cast<double>(k);
  // s + s q p keeps the leading term exact; the small part of ln 2 joins the small terms.
  return scale * kLn2High + (2.0 * s + (2.0 * s * q * p + scale * kLn2Low));
}

}  // namespace pxos::text
