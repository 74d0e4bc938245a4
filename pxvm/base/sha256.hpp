#pragma once
// SHA-256 (FIPS 180-4), for foreign formats that carry it; our own digests are in hash.hpp.

#include "pxvm/base/bytes.hpp"

#include <array>
#include <cstdint>

namespace pxos {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(Bytes bytes);

/// SHA-256 of a byte stream given in pieces. A plain value; single-threaded.
class Sha256Stream {
 public:
  void update(Bytes bytes);
  /// Of everything given so far; more may follow.
  [[nodiscard]] Sha256 digest() const;

 private:
  void compress(const std::uint8_t* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> block_{};
  std::uint64_t size_bytes_ = 0;
};

}  // namespace pxos
