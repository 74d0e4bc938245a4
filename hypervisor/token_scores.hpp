#pragma once
// What logits say about a text, and how far two models' logits are apart, token by token; means
// with their standard errors. Pure functions over rows of logits; everything is summed in f64.

#include <cstdint>
#include <span>
#include <vector>

namespace pxos::hypervisor {

/// A mean and its standard error, sqrt(variance / n) with the unbiased variance.
struct Estimate {
  double mean = 0;
  double error = 0;
};

/// Mean and variance of a stream of numbers, by Welford's recurrence (no cancellation of sums).
class RunningMean {
 public:
  void add(double value) {
    ++count_;
    const double before = value - mean_;
    mean_ += before / static_cast<double>(count_);
    squares_ += before * (value - mean_);
  }
  [[nodiscard]] std::int64_t count() const { return count_; }
  /// Error 0 with fewer than two numbers.
  [[nodiscard]] Estimate estimate() const;

 private:
  std::int64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  ///< sum of squared distances from the mean
};

/// exp of an estimate, to first order: (exp(m), exp(m) * error).
[[nodiscard]] Estimate exponential(const Estimate& log);

/// -log softmax(logits)[target]. Requires: target < logits.size().
/// Numerics: each exp is rounded to f32, so the result is within about 1e-7 of exact.
[[nodiscard]] double negative_log_likelihood(std::span<const float> logits, std::int32_t target);

/// One token of a text seen by two models.
struct TokenComparison {
  double base_nll = 0;
  double nll = 0;
  double divergence = 0;  ///< KL(softmax(base) || softmax(logits)) in nats, >= 0
  bool same_top = false;  ///< the most likely token is the same one
};

/// Requires: rows of equal size, target inside. Ties of the largest logit: the lower id counts.
[[nodiscard]] TokenComparison compare_tokens(std::span<const float> base,
                                             std::span<const float> logits, std::int32_t target);

/// The value below which `share` of the numbers lie, linear between neighbours; 0 for none.
/// Requires: 0 <= share <= 1. Sorts a copy.
[[nodiscard]] double quantile(std::vector<double> values, double share);

}  // namespace pxos::hypervisor
