#include "pxvm/text/logprobs.hpp"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

using namespace pxos::text;

TEST_CASE("log-probabilities are those of the softmax", "[text]") {
  const std::vector<float> logits = {1.0F, 3.0F, NAN, 2.0F, -INFINITY, 3.0F};
  const double sum = std::exp(1.0) + 2 * std::exp(3.0) + std::exp(2.0);
  CHECK(std::fabs(log_normaliser(logits) - std::log(sum)) < 1e-14);
  const auto top = top_logprobs(logits, 3);
  REQUIRE(top.size() == 3);
  CHECK((top[0].id == 1 && top[1].id == 5 && top[2].id == 3));
  CHECK(std::fabs(top[2].logprob - (2.0 - std::log(sum))) < 1e-14);
  CHECK(top_logprobs(logits, 99).size() == 4);
  CHECK(top_logprobs(std::vector<float>{NAN}, 2).empty());
}
