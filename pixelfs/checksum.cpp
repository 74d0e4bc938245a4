// CRC-32 by eight table lookups per eight bytes (slicing), Adler-32 in blocks that cannot overflow
// 32 bits.

#include "pixelfs/png.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace pxos::pixelfs {
namespace {

constexpr std::uint32_t kPolynomial = 0xEDB88320U;
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

/// tables[k][b]: CRC of byte b followed by k zero bytes.
constexpr CrcTables make_tables() {
  CrcTables tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t value = b;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1U) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
    }
    tables[0][b] = value;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t b = 0; b < 256; ++b) {
      const std::uint32_t previous = tables[k - 1][b];
      tables[k][b] = (previous >> 8U) ^ tables[0][previous & 0xFFU];
    }
  }
  return tables;
}

constexpr CrcTables kTables = make_tables();

std::uint32_t crc_eight(const std::uint8_t* p, std::uint32_t crc) {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  std::memcpy(&low, p, 4);
  std::memcpy(&high, p + 4, 4);
  low ^= crc;
  return kTables[7][low & 0xFFU] ^ kTables[6][(low >> 8U) & 0xFFU] ^
         kTables[5][(low >> 16U) & 0xFFU] ^ kTables[4][low >> 24U] ^ kTables[3][high & 0xFFU] ^
         kTables[2][(high >> 8U) & 0xFFU] ^ kTables[1][(high >> 16U) & 0xFFU] ^
         kTables[0][high >> 24U];
}

}  // namespace

std::uint32_t crc32(Bytes bytes, std::uint32_t crc) {
  crc = ~crc;
  const std::uint8_t* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) crc = crc_eight(p, crc);
  for (; left > 0; --left, ++p) crc = (crc >> 8U) ^ kTables[0][(crc ^ *p) & 0xFFU];
  return ~crc;
}

std::uint32_t adler32(Bytes bytes, std::uint32_t adler) {
  constexpr std::uint32_t kModulus = 65521;
  constexpr std::size_t kBlock = 5552;  // longest run whose sums stay below 2^32
  std::uint32_t a = adler & 0xFFFFU;
  std::uint32_t b = adler >> 16U;
  while (!bytes.empty()) {
    const auto n = static_cast<std::uint32_t>(std::min(kBlock, bytes.size()));
    // b gains n * a at the start of the block and each byte (n - i) times. Both sums stay below
    // 2^32 (255 * 5552 * 5553 / 2), so they are plain loops the compiler vectorises.
    std::uint32_t sum = 0;
    std::uint32_t weighted = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      sum += bytes[i];
      weighted += (n - i) * bytes[i];
    }
    b = static_cast<std::uint32_t>((b + std::uint64_t{n} * a + weighted) % kModulus);
    a = (a + sum) % kModulus;
    bytes = bytes.subspan(n);
  }
  return (b << 16U) | a;
}

}  // namespace pxos::pixelfs
