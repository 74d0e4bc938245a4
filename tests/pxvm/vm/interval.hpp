#pragma once
// Results of f32 arithmetic as intervals: all numbers that an equation may give when every
// operation is rounded to f32 at most once, in any order of a sum. So a tolerance is never chosen:
// it is the width of the interval, derived from the operands and the number of roundings.
//
// An interval holds [lo, hi] and perhaps NaN; lo > hi means NaN and nothing else. Bounds are
// doubles: their own rounding is 2^-29 of what is allowed for. Values only, safe from any thread.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pxos::test {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kLargest = std::numeric_limits<float>::max();
inline constexpr double kUnit = 0x1.001p-24;   ///< half an ulp of 1, with room for the doubles
inline constexpr double kDenormal = 0x1p-149;  ///< what is lost at most below 2^-126

struct Interval {
  double lo = 0;
  double hi = 0;
  bool nan = false;  ///< NaN is possible

  [[nodiscard]] static Interval point(double value) {
    return std::isnan(value) ? none() : Interval{value, value, false};
  }
  [[nodiscard]] static Interval none() { return {1, -1, true}; }
  [[nodiscard]] static Interval any() { return {-kInfinity, kInfinity, true}; }

  [[nodiscard]] bool only_nan() const { return lo > hi; }
  [[nodiscard]] bool is_point() const { return lo == hi && !nan; }
  [[nodiscard]] bool is_any() const { return lo == -kInfinity && hi == kInfinity; }
  [[nodiscard]] bool has(double value) const { return lo <= value && value <= hi; }
  [[nodiscard]] bool holds(float found) const {
    return std::isnan(found) ? nan : has(static_cast<double>(found));
  }
  [[nodiscard]] double magnitude() const { return std::max(std::abs(lo), std::abs(hi)); }
};

/// Wider by `relative` of each bound and by `absolute`; what leaves the range of f32 is infinite.
[[nodiscard]] inline Interval widened(Interval x, double relative, double absolute) {
  if (x.only_nan()) return x;
  if (std::isfinite(x.lo)) x.lo -= std::abs(x.lo) * relative + absolute;
  if (std::isfinite(x.hi)) x.hi += std::abs(x.hi) * relative + absolute;
  if (x.lo < -kLargest) x.lo = -kInfinity;
  if (x.hi > kLargest) x.hi = kInfinity;
  if (x.lo > kLargest && x.lo < kInfinity) x.lo = kLargest;
  if (x.hi < -kLargest && x.hi > -kInfinity) x.hi = -kLargest;
  return x;
}
/// One rounding to f32.
[[nodiscard]] inline Interval rounded(const Interval& x) {
  return widened(x, kUnit, kDenormal);
}

/// From the results at the corners; NaN among them is a possible NaN, and then nothing is excluded.
[[nodiscard]] inline Interval hull(bool nan, double a, double b, double c, double d) {
  if (std::isnan(a) || std::isnan(b) || std::isnan(c) || std::isnan(d)) return Interval::any();
  return {std::min(std::min(a, b), std::min(c, d)), std::max(std::max(a, b), std::max(c, d)), nan};
}

// Exact operations; callers round.
[[nodiscard]] inline Interval operator-(const Interval& x) {
  return x.only_nan() ? x : Interval{-x.hi, -x.lo, x.nan};
}
[[nodiscard]] inline Interval operator+(const Interval& a, const Interval& b) {
  if (a.only_nan() || b.only_nan()) return Interval::none();
  if (a.is_point() && b.is_point()) return Interval::point(a.lo + b.lo);
  const bool opposite =
      (a.hi == kInfinity && b.lo == -kInfinity) || (a.lo == -kInfinity && b.hi == kInfinity);
  if (opposite) return Interval::any();
  return {a.lo + b.lo, a.hi + b.hi, a.nan || b.nan};
}
[[nodiscard]] inline Interval operator-(const Interval& a, const Interval& b) {
  return a + (-b);
}
[[nodiscard]] inline Interval operator*(const Interval& a, const Interval& b) {
  if (a.only_nan() || b.only_nan()) return Interval::none();
  if (a.is_point() && b.is_point()) return Interval::point(a.lo * b.lo);
  const bool nothing =
      (a.has(0) && std::isinf(b.magnitude())) || (b.has(0) && std::isinf(a.magnitude()));
  if (nothing) return Interval::any();
  return hull(a.nan || b.nan, a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi);
}
[[nodiscard]] inline Interval operator/(const Interval& a, const Interval& b) {
  if (a.only_nan() || b.only_nan()) return Interval::none();
  if (a.is_point() && b.is_point()) return Interval::point(a.lo / b.lo);
  if (b.has(0)) return Interval::any();
  return hull(a.nan || b.nan, a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi);
}
[[nodiscard]] inline Interval square(const Interval& x) {
  if (x.only_nan()) return x;
  const double low = std::min(std::abs(x.lo), std::abs(x.hi)), high = x.magnitude();
  return {x.has(0) ? 0 : low * low, high * high, x.nan};
}
[[nodiscard]] inline Interval root(const Interval& x) {
  if (x.only_nan() || x.hi < 0) return Interval::none();
  return {std::sqrt(std::max(0.0, x.lo)), std::sqrt(x.hi), x.nan || x.lo < 0};
}

/// Functions of the kernels, with the ulps that their contracts allow.
[[nodiscard]] inline Interval exponential(const Interval& x) {
  if (x.only_nan()) return x;
  const Interval out = widened({std::exp(x.lo), std::exp(x.hi), x.nan}, 2 * kUnit, kDenormal);
  return {std::max(0.0, out.lo), out.hi, out.nan};
}
[[nodiscard]] inline Interval hyperbolic_tangent(const Interval& x) {
  if (x.only_nan()) return x;
  return widened({std::tanh(x.lo), std::tanh(x.hi), x.nan}, 4 * kUnit, kDenormal);
}
[[nodiscard]] inline Interval error_function(const Interval& x) {
  if (x.only_nan()) return x;
  return widened({std::erf(x.lo), std::erf(x.hi), x.nan}, 4 * kUnit, kDenormal);
}

/// A sum of n exact terms with one rounding each, in any order:
/// |found - exact| <= n u sum|term| / (1 - n u).
class Sum {
 public:
  void add(const Interval& term) {
    ++count_;
    nan_ = nan_ || term.nan;
    only_nan_ = only_nan_ || term.only_nan();
    if (term.only_nan()) return;
    add_bound(term.lo, low_);
    add_bound(term.hi, high_);
    always_above_ = always_above_ || term.lo == kInfinity;
    always_below_ = always_below_ || term.hi == -kInfinity;
    magnitude_ += std::isfinite(term.magnitude()) ? term.magnitude() : 0;
  }
  /// Finite terms that are points, added up by the caller.
  void add_all(double value, double magnitude, std::uint64_t count) {
    low_ += value;
    high_ += value;
    magnitude_ += magnitude;
    count_ += count;
  }

  /// `more` roundings that every term went through beside the n.
  [[nodiscard]] Interval result(std::uint64_t more = 0) const {
    if (only_nan_ || (always_above_ && always_below_)) return Interval::none();
    const double roundings = static_cast<double>(count_ + more) * kUnit;
    const double error =
        roundings / (1 - roundings) * magnitude_ + static_cast<double>(count_ + more) * kDenormal;
    // A partial sum may be infinite although the whole is not.
    if (magnitude_ + error > kLargest || (above_ && below_)) return Interval::any();
    const double low = below_ ? -kInfinity : always_above_ ? kInfinity : low_ - error;
    const double high = above_ ? kInfinity : always_below_ ? -kInfinity : high_ + error;
    return {low, high, nan_};
  }

 private:
  void add_bound(double value, double& sum) {
    above_ = above_ || value == kInfinity;
    below_ = below_ || value == -kInfinity;
    if (std::isfinite(value)) sum += value;
  }

  double low_ = 0, high_ = 0, magnitude_ = 0;
  std::uint64_t count_ = 0;
  bool nan_ = false, only_nan_ = false;
  bool above_ = false, below_ = false;  ///< a term may be infinite
  bool always_above_ = false, always_below_ = false;
};

}  // namespace pxos::test
