#include "pxvm/base/rng.hpp"

namespace pxos {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = kMultiplier0 * counter[0];
    const std::uint64_t p1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32U) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32U) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

std::uint32_t CounterRng::next_u32() {
  const std::uint64_t block = position_ / 4;
  const std::uint64_t word = position_ % 4;
  ++position_;
  return philox4x32(
      {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32U), 0, 0},
      {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32U)})[word];
}

float CounterRng::next_unit_f32() {
  return static_cast<float>(next_u32() >> 8U) * 0x1p-24F;
}

double CounterRng::next_unit_f64() {
  const std::uint64_t high = next_u32() >> 5U;
  const std::uint64_t low = next_u32() >> 6U;
  return static_cast<double>(high << 26U | low) * 0x1p-53;
}

}  // namespace pxos
