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

TEST_CASE("log_fixed is within 1e-15 of the logarithm", "[text]") {
  double worst = 0;
  for (int i = 1; i <= 300000; ++i) {
    const double x = 1e-5 * i + (i % 7 == 0 ? 1e3 * i : 0.0);
    const long double exact = std::log(static_cast<long double>(x));
    const auto error = std::fabs(static_cast<long double>(pxos::text::log_fixed(x)) - exact);
    worst = std::max(worst, static_cast<double>(error / std::max(std::fabs(exact), 0.1L)));
  }
  CHECK(worst < 1e-15);
  CHECK(pxos::text::log_fixed(1.0) == 0.0);
  CHECK(std::fabs(pxos::text::log_fixed(1e-300) - std::log(1e-300)) < 1e-12);
}
