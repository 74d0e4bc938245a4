#include "hypervisor/token_scores.hpp"

#include <algorithm>
#include <cmath>

namespace pxos::hypervisor {
namespace {

struct Top {
  float logit;
  std::ptrdiff_t id;
};

Top top_of(std::span<const float> logits) {
  const auto at = std::max_element(logits.begin(), logits.end());
  return {*at, at - logits.begin()};
}

}  // namespace

Estimate RunningMean::estimate() const {
  if (count_ < 2) return {mean_, 0};
  const auto n = static_cast<double>(count_);
  return {mean_, std::sqrt(squares_ / (n - 1) / n)};
}

Estimate exponential(const Estimate& log) {
  const double value = std::exp(log.mean);
  return {value, value * log.error};
}

double negative_log_likelihood(std::span<const float> logits, std::int32_t target) {
  const float top = top_of(logits).logit;
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(std::exp(logit - top));
  return std::log(sum) + static_cast<double>(top) -
         static_cast<double>(logits[static_cast<std::size_t>(target)]);
}

// With p = softmax(b), q = softmax(l), logZ = log sum exp:
//   KL = sum p_i (log p_i - log q_i) = sum p_i (b_i - l_i) - logZ(b) + logZ(l),
// so one pass over both rows gives both logZ and the sum.
TokenComparison compare_tokens(std::span<const float> base, std::span<const float> logits,
                               std::int32_t target) {
  const Top base_top = top_of(base);
  const Top top = top_of(logits);
  double base_sum = 0;
  double sum = 0;
  double distance = 0;  // sum of exp(b_i) (b_i - l_i), both relative to their largest
  for (std::size_t i = 0; i < base.size(); ++i) {
    const float b = base[i] - base_top.logit;
    const float l = logits[i] - top.logit;
    const auto weight = static_cast<double>(std::exp(b));
    base_sum += weight;
    sum += static_cast<double>(std::exp(l));
    distance += weight * (static_cast<double>(b) - static_cast<double>(l));
  }
  const auto at = static_cast<std::size_t>(target);
  TokenComparison out;
  out.base_nll =
      std::log(base_sum) + static_cast<double>(base_top.logit) - static_cast<double>(base[at]);
  out.nll = std::log(sum) + static_cast<double>(top.logit) - static_cast<double>(logits[at]);
  // Rounding may leave a few 1e-8 below zero where the rows are equal.
  out.divergence = std::max(0.0, distance / base_sum - std::log(base_sum) + std::log(sum));
  out.same_top = base_top.id == top.id;
  return out;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace pxos::hypervisor
