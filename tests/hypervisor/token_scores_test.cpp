#include "hypervisor/token_scores.hpp"

#include <cmath>

#include <catch2/catch.hpp>

namespace pxos::hypervisor {
namespace {

/// Deterministic numbers in about [-scale, scale].
std::vector<float> waves(std::size_t count, double step, double scale) {
  std::vector<float> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(static_cast<float>(scale * std::sin(step * static_cast<double>(i + 1))));
  return out;
}

/// softmax from its definition, in f64.
std::vector<double> probabilities(const std::vector<float>& logits) {
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x));
  std::vector<double> out;
  for (const float x : logits) out.push_back(std::exp(static_cast<double>(x)) / sum);
  return out;
}

}  // namespace

TEST_CASE("negative log likelihood is minus the log of the softmax", "[hypervisor]") {
  const std::vector<float> logits = waves(1000, 0.37, 9);
  const std::vector<double> p = probabilities(logits);
  for (const std::int32_t target : {0, 17, 999}) {
    CHECK(negative_log_likelihood(logits, target) ==
          Approx(-std::log(p[static_cast<std::size_t>(target)])).epsilon(1e-6));
  }
  const std::vector<float> far{-1e4F, 1e4F};  // exp would overflow without the shift
  CHECK(negative_log_likelihood(far, 1) == 0);
  CHECK(negative_log_likelihood(far, 0) == 2e4);
}

TEST_CASE("a comparison is the divergence of the definition", "[hypervisor]") {
  const std::vector<float> base = waves(2000, 0.37, 6);
  std::vector<float> other = base;
  const std::vector<float> noise = waves(2000, 1.7, 0.2);
  for (std::size_t i = 0; i < other.size(); ++i) other[i] += noise[i];
  const std::vector<double> p = probabilities(base);
  const std::vector<double> q = probabilities(other);
  double expected = 0;
  for (std::size_t i = 0; i < p.size(); ++i) expected += p[i] * std::log(p[i] / q[i]);
  const TokenComparison found = compare_tokens(base, other, 5);
  CHECK(found.divergence == Approx(expected).margin(1e-6));
  CHECK(found.base_nll == Approx(-std::log(p[5])).epsilon(1e-6));
  CHECK(found.nll == Approx(-std::log(q[5])).epsilon(1e-6));
  CHECK(compare_tokens(base, base, 5).divergence <= 1e-7);
  CHECK(compare_tokens(base, base, 5).same_top);
  // KL is not symmetric, and the base comes first.
  CHECK(compare_tokens(other, base, 5).divergence != Approx(expected).margin(1e-9));
}

TEST_CASE("the most likely token of a tie is the lower id", "[hypervisor]") {
  const std::vector<float> base{1, 3, 3, 0};
  CHECK(compare_tokens(base, std::vector<float>{1, 2, 1, 0}, 0).same_top);
  CHECK_FALSE(compare_tokens(base, std::vector<float>{1, 1, 2, 0}, 0).same_top);
}

TEST_CASE("means carry the standard error of the mean", "[hypervisor]") {
  RunningMean mean;
  CHECK(mean.estimate().error == 0);
  for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) mean.add(value);
  CHECK(mean.count() == 8);
  CHECK(mean.estimate().mean == Approx(5));
  CHECK(mean.estimate().error == Approx(std::sqrt(32.0 / 7 / 8)));
  const Estimate grown = exponential({2, 0.5});
  CHECK(grown.mean == Approx(std::exp(2)));
  CHECK(grown.error == Approx(std::exp(2) * 0.5));
}

TEST_CASE("quantiles interpolate between neighbours", "[hypervisor]") {
  CHECK(quantile({}, 0.5) == 0);
  CHECK(quantile({3}, 0.99) == 3);
  CHECK(quantile({4, 1, 3, 2}, 0) == 1);
  CHECK(quantile({4, 1, 3, 2}, 1) == 4);
  CHECK(quantile({4, 1, 3, 2}, 0.5) == Approx(2.5));
}

}  // namespace pxos::hypervisor
