#include "pxvm/base/rng.hpp"

#include <vector>

#include <catch2/catch.hpp>

using pxos::CounterRng;
using Block = std::array<std::uint32_t, 4>;

TEST_CASE("philox4x32 gives the published known answers", "[base]") {
  // Random123's kat_vectors for philox4x32, 10 rounds.
  CHECK(pxos::philox4x32({0, 0, 0, 0}, {0, 0}) ==
        Block{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  const std::uint32_t ones = 0xffffffffU;
  CHECK(pxos::philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
        Block{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(pxos::philox4x32({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U},
                         {0xa4093822U, 0x299f31d0U}) ==
        Block{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

TEST_CASE("A stream resumed at a position continues with the same values", "[base]") {
  CounterRng rng(42);
  std::vector<std::uint32_t> values;
  for (int i = 0; i < 23; ++i) values.push_back(rng.next_u32());
  for (std::uint64_t position = 0; position < values.size(); ++position) {
    CounterRng resumed(42, position);
    CHECK(resumed.next_u32() == values[position]);
    CHECK(resumed.position() == position + 1);
  }
}

TEST_CASE("Seeds that differ only in the high word give different streams", "[base]") {
  CounterRng low(1);
  CounterRng high((std::uint64_t{1} << 32U) + 1);
  CHECK(low.next_u32() != high.next_u32());
}

TEST_CASE("Unit floats lie in [0, 1) and have the mean and variance of a uniform", "[base]") {
  CounterRng rng(7);
  constexpr int kCount = 100'000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const float value = rng.next_unit_f32();
    REQUIRE((value >= 0.0F && value < 1.0F));
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  // Standard deviation of the mean is 1/sqrt(12 n) = 0.0009; five of them.
  CHECK(sum / kCount == Approx(0.5).margin(0.0046));
  // Of the mean square sqrt(4/45 / n) = 0.00094; five of them.
  CHECK(squares / kCount == Approx(1.0 / 3.0).margin(0.0048));
  CounterRng doubles(7);
  for (int i = 0; i < 1000; ++i) {
    const double value = doubles.next_unit_f64();
    REQUIRE((value >= 0.0 && value < 1.0));
  }
  CHECK(doubles.position() == 2000);
}
