#pragma once
// The specified pseudo-random generator: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As
// Easy as 1, 2, 3", SC 2011). Counter-based: value n of a stream is a pure function of (seed, n),
// so a session is resumed by storing one number. Same values on every machine.

#include <array>
#include <cstdint>

namespace pxos {

/// One Philox4x32-10 block.
[[nodiscard]] std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                      std::array<std::uint32_t, 2> key);

/// A stream of 32-bit values: value n is word n mod 4 of block n / 4 under key `seed`.
class CounterRng {
 public:
  explicit CounterRng(std::uint64_t seed, std::uint64_t position = 0)
      : seed_(seed), position_(position) {}

  std::uint32_t next_u32();
  /// Uniform in [0, 1): the top 24 bits of one value times 2^-24.
  float next_unit_f32();
  /// Uniform in [0, 1): two values, 53 bits.
  double next_unit_f64();

  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  std::uint64_t seed_;
  std::uint64_t position_;
};

}  // namespace pxos
