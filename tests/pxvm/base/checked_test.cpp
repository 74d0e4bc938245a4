#include "pxvm/base/checked.hpp"

#include <catch2/catch.hpp>

namespace {
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
}

TEST_CASE("checked_add and checked_mul give nothing instead of wrapping", "[base]") {
  CHECK(pxos::checked_add<std::uint64_t>(kMax - 1, 1) == kMax);
  CHECK_FALSE(pxos::checked_add<std::uint64_t>(kMax, 1));
  CHECK_FALSE(pxos::checked_add<std::int32_t>(std::numeric_limits<std::int32_t>::min(), -1));
  const std::uint64_t two_to_32 = std::uint64_t{1} << 32U;
  CHECK_FALSE(pxos::checked_mul(two_to_32, two_to_32));
  CHECK(pxos::checked_mul(two_to_32, two_to_32 - 1) == (two_to_32 - 1) << 32U);
}

TEST_CASE("checked_cast keeps a value or refuses it", "[base]") {
  CHECK(pxos::checked_cast<std::uint8_t>(255) == std::uint8_t{255});
  CHECK_FALSE(pxos::checked_cast<std::uint8_t>(256));
  CHECK_FALSE(pxos::checked_cast<std::uint64_t>(-1));
  CHECK_FALSE(pxos::checked_cast<std::int64_t>(kMax));
}

TEST_CASE("range_fits is exact at the edges and cannot wrap", "[base]") {
  CHECK(pxos::range_fits(0, 0, 0));
  CHECK(pxos::range_fits(10, 0, 10));
  CHECK(pxos::range_fits(4, 6, 10));
  CHECK_FALSE(pxos::range_fits(4, 7, 10));
  CHECK_FALSE(pxos::range_fits(11, 0, 10));
  CHECK_FALSE(pxos::range_fits(2, kMax, 10));
}

TEST_CASE("ceil_div and round_up", "[base]") {
  CHECK(pxos::ceil_div(0, 16) == 0);
  CHECK(pxos::ceil_div(16, 16) == 1);
  CHECK(pxos::ceil_div(17, 16) == 2);
  CHECK(pxos::ceil_div(kMax, 2) == (kMax / 2) + 1);
  CHECK(pxos::round_up(17, 16) == 32);
  CHECK(pxos::round_up(32, 16) == 32);
}
