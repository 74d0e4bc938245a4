#include "pxvm/tensor/ops.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<std::int32_t> top_ids(const std::vector<float>& x, std::size_t k) {
  std::vector<std::int32_t> ids(k);
  std::vector<float> values(k);
  const std::atomic<bool> stop{false};
  REQUIRE(top_k(stop, x, ids, values));
  for (std::size_t i = 0; i < k; ++i) {
    CHECK(test::bits_of(values[i]) == test::bits_of(x[static_cast<std::size_t>(ids[i])]));
  }
  return ids;
}

}  // namespace

TEST_CASE("top_k writes nothing once it is stopped", "[tensor][top_k]") {
  const std::atomic<bool> stop{true};
  std::vector<std::int32_t> ids(2, -7);
  std::vector<float> values(2, 5);
  CHECK_FALSE(top_k(stop, std::vector<float>{1, 2, 3}, ids, values));
  CHECK(ids == std::vector<std::int32_t>{-7, -7});
  CHECK(values == std::vector<float>{5, 5});
}

TEST_CASE("top_k equals a stable sort", "[tensor][top_k]") {
  std::vector<float> x = test::random_matrix(1, 500, 1).values;
  for (float& value : x) value = static_cast<float>(static_cast<int>(value * 4));  // many ties
  std::vector<std::int32_t> order(500);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)];
  });
  for (const std::size_t k : {0U, 1U, 2U, 5U, 64U, 500U}) {
    CHECK(top_ids(x, k) ==
          std::vector<std::int32_t>(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k)));
  }
}

TEST_CASE("top_k ranks NaN below every number", "[tensor][top_k]") {
  const std::vector<float> x = {kNan, -kInf, 3, kNan, kInf, -0.0F, 0.0F};
  CHECK(top_ids(x, 7) == std::vector<std::int32_t>{4, 2, 5, 6, 1, 0, 3});
  CHECK(top_ids({kNan, kNan, 1}, 1) == std::vector<std::int32_t>{2});
}

TEST_CASE("min_max skips NaN", "[tensor][min_max]") {
  const std::vector<float> x = {kNan, 2, -3, kNan, 7};
  CHECK(min_max(x).min == -3);
  CHECK(min_max(x).max == 7);
  CHECK(min_max(std::vector<float>{kNan}).max == 0);
  CHECK(min_max({}).min == 0);
  CHECK_FALSE(min_max({}).found);
  CHECK(min_max(std::vector<float>{-2}).max == -2);
}

}  // namespace pxos::tensor
