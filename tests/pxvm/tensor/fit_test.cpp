#include "pxvm/tensor/fit.hpp"

#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

struct Group {
  std::vector<float> x, weight;
  [[nodiscard]] Columns columns() const { return {x.data(), weight.data(), x.size()}; }
};

/// Random values around `offset`, weights in [0.5, 1.5].
Group random_group(std::uint32_t seed, float offset = 0) {
  Group out;
  for (const float x : test::random_matrix(1, 32, seed).values) out.x.push_back(x + offset);
  for (const float w : test::random_matrix(1, 32, seed + 1000).values)
    out.weight.push_back(1 + 0.5F * std::tanh(w));
  return out;
}

/// Weighted square error with the nearest codes, in f64 and from its definition.
double error_of(const Group& g, double scale, double offset, int low, int high) {
  double sum = 0;
  for (std::size_t k = 0; k < g.x.size(); ++k) {
    const double x = static_cast<double>(g.x[k]);
    double least = 1e300;
    for (int q = low; q <= high; ++q) {
      const double d = scale * q + offset - x;
      least = std::min(least, d * d);
    }
    sum += static_cast<double>(g.weight[k]) * least;
  }
  return sum;
}

double power(const Group& g) {
  double sum = 0;
  for (std::size_t k = 0; k < g.x.size(); ++k)
    sum += static_cast<double>(g.weight[k]) * static_cast<double>(g.x[k]) *
           static_cast<double>(g.x[k]);
  return sum;
}

}  // namespace

TEST_CASE("a fitted scale is no worse than any of a fine grid, by five percent", "[tensor][fit]") {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const Group g = random_group(seed);
    const ScaleFit fit = fit_scale(g.columns(), -8, 7);
    const double error = error_of(g, static_cast<double>(fit.scale), 0, -8, 7);
    // What the fit says of itself is true.
    CHECK(power(g) - static_cast<double>(fit.gain) == Approx(error).epsilon(0.02).margin(1e-3));
    double best = 1e300;
    for (double scale = -1; scale <= 1; scale += 0.002)
      best = std::min(best, error_of(g, scale, 0, -8, 7));
    CHECK(error <= best * 1.05);
  }
}

TEST_CASE("columns that are levels are represented exactly", "[tensor][fit]") {
  Group g = random_group(1);
  for (std::size_t k = 0; k < g.x.size(); ++k)
    g.x[k] = 0.25F * static_cast<float>(static_cast<int>(k % 16) - 8);
  CHECK(std::abs(fit_scale(g.columns(), -8, 7).scale) == Approx(0.25F));
  for (std::size_t k = 0; k < g.x.size(); ++k) g.x[k] = 0.5F * static_cast<float>(k % 16) - 3;
  const AffineFit fit = fit_affine(g.columns(), 15, OffsetSign::kNotPositive);
  CHECK(fit.scale == Approx(0.5F));
  CHECK(fit.offset == Approx(-3.0F));
  CHECK(fit.error <= 1e-8F);
}

TEST_CASE("an affine fit beats rounding between the extremes", "[tensor][fit]") {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const Group g = random_group(seed, -0.5F);
    const auto [low, high] = std::minmax_element(g.x.begin(), g.x.end());
    const double width = static_cast<double>(*high - *low);
    const double plain = error_of(g, width / 15, static_cast<double>(*low), 0, 15);
    const AffineFit fit = fit_affine(g.columns(), 15, OffsetSign::kAny);
    const double error =
        error_of(g, static_cast<double>(fit.scale), static_cast<double>(fit.offset), 0, 15);
    CHECK(error <= plain);
    CHECK(static_cast<double>(fit.error) == Approx(error).epsilon(0.02).margin(1e-4));
  }
}

TEST_CASE("an offset that must not be positive is not", "[tensor][fit]") {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const Group g = random_group(seed, 9);  // all columns are positive
    CHECK(fit_affine(g.columns(), 15, OffsetSign::kNotPositive).offset <= 0);
    CHECK(fit_affine(g.columns(), 15, OffsetSign::kAny).offset > 0);
  }
}

TEST_CASE("flat columns have no scale", "[tensor][fit]") {
  Group g = random_group(3);
  g.x.assign(32, 0.0F);
  CHECK(fit_scale(g.columns(), -8, 7).scale == 0);
  CHECK(fit_affine(g.columns(), 15, OffsetSign::kAny).scale == 0);
  g.x.assign(32, -2.0F);
  const AffineFit flat = fit_affine(g.columns(), 15, OffsetSign::kAny);
  CHECK(flat.offset == -2.0F);
  CHECK(flat.error == 0);
}

TEST_CASE("codes stay inside their range, whatever comes", "[tensor][fit]") {
  CHECK(code_of(1e30F, 1e30F, -8, 7) == 7);
  CHECK(code_of(-1e30F, 1e30F, -8, 7) == -8);
  CHECK(code_of(std::nanf(""), 1, -8, 7) == -8);
  CHECK(code_of(2.5F, 1, -8, 7) == 2);
  CHECK(code_of(3.5F, 1, -8, 7) == 4);
  CHECK(code_of(0, 0, 0, 15) == 0);
}

}  // namespace pxos::tensor
