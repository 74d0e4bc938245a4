#include "pxvm/text/exp.hpp"

#include <cmath>

#include <catch2/catch.hpp>

using pxos::text::exp_fixed;

TEST_CASE("exp_fixed is within 1e-15 of the exponential", "[text]") {
  double worst = 0;
  for (int i = 0; i <= 700000; ++i) {
    const double x = -0.001 * i - 1e-7 * (i % 13);
    // The reference has 64 bits of significand: its own error does not count.
    const long double exact = std::exp(static_cast<long double>(x));
    const auto error = std::fabs((static_cast<long double>(exp_fixed(x)) - exact) / exact);
    worst = std::max(worst, static_cast<double>(error));
  }
  CHECK(worst < 1e-15);
}

TEST_CASE("exp_fixed at its ends", "[text]") {
  CHECK(exp_fixed(0.0) == 1.0);
  CHECK(exp_fixed(-708.0) > 0.0);
  CHECK(exp_fixed(-708.1) == 0.0);
  CHECK(exp_fixed(-INFINITY) == 0.0);
}
