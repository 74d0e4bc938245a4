#include "tests/pxvm/tensor/block_reference.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

namespace pxos::tensor::test {
namespace {

using U8 = const std::uint8_t*;

float half(U8 p) {
  const int bits = p[0] + 256 * p[1];
  const int exponent = bits / 1024 % 32;
  const int fraction = bits % 1024;
  const double sign = bits >= 0x8000 ? -1 : 1;
  if (exponent == 31) {
    return fraction != 0 ? std::numeric_limits<float>::quiet_NaN()
                         : static_cast<float>(sign) * std::numeric_limits<float>::infinity();
  }
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(sign * magnitude);
}

/// Bits [first, first + count) of a byte.
int bits(int byte, unsigned first, unsigned count) {
  return byte >> first & ((1 << count) - 1);
}

/// Blocks of 32: nibble k % 16 of the 16 bytes, low for the first half of the columns.
int nibble(U8 bytes, unsigned k) {
  return k < 16 ? bytes[k] % 16 : bytes[k - 16] / 16;
}

int bit_of(U8 bytes, unsigned index) {
  return bits(bytes[index / 8], index % 8, 1);
}

/// Scale and minimum j (of 8) of Q4_K and Q5_K in their 12 bytes.
void six_bit_pair(U8 s, unsigned j, int& scale, int& minimum) {
  if (j < 4) {
    scale = bits(s[j], 0, 6);
    minimum = bits(s[j + 4], 0, 6);
  } else {
    scale = bits(s[j + 4], 0, 4) + 16 * bits(s[j - 4], 6, 2);
    minimum = bits(s[j + 4], 4, 4) + 16 * bits(s[j], 6, 2);
  }
}

ReferenceElement q4_k_like(U8 block, U8 nibbles, U8 fifth, unsigned k) {
  int s = 0;
  int t = 0;
  six_bit_pair(block + 4, k / 32, s, t);
  int q = bits(nibbles[k / 64 * 32 + k % 32], k / 32 % 2 * 4, 4);
  if (fifth != nullptr) q += 16 * bits(fifth[k % 32], k / 32, 1);
  const float d = half(block);
  const float m = half(block + 2);
  return {q, d * static_cast<float>(s), -(m * static_cast<float>(t)), true};
}

ReferenceElement q2_k(U8 block, unsigned k) {
  const int packed = block[k / 16];
  const int q = bits(block[16 + k / 128 * 32 + k % 32], k / 32 % 4 * 2, 2);
  const float d = half(block + 80);
  const float m = half(block + 82);
  return {q, d * static_cast<float>(packed % 16), -(m * static_cast<float>(packed / 16)), true};
}

ReferenceElement q3_k(U8 block, unsigned k) {
  const unsigned g = k / 16;
  U8 s = block + 96;
  const int low = g < 8 ? s[g] % 16 : s[g - 8] / 16;
  const int scale = low + 16 * bits(s[8 + g % 4], g / 4 * 2, 2) - 32;
  const int two = bits(block[32 + k / 128 * 32 + k % 32], k / 32 % 4 * 2, 2);
  const int level = bits(block[k % 32], k / 32, 1) != 0 ? two : two - 4;
  return {level, half(block + 108) * static_cast<float>(scale), 0, false};
}

ReferenceElement q6_k(U8 block, unsigned k) {
  const unsigned in_half = k % 128;
  const int low = bits(block[k / 128 * 64 + in_half % 64], in_half / 64 * 4, 4);
  const int high = bits(block[128 + k / 128 * 32 + k % 32], in_half / 32 * 2, 2);
  const int scale = block[192 + k / 16] < 128 ? block[192 + k / 16] : block[192 + k / 16] - 256;
  return {low + 16 * high - 32, half(block + 208) * static_cast<float>(scale), 0, false};
}

int iq4_level(int code) {
  constexpr int kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};
  return kLevels[code];
}

/// Sign, two exponent bits, one fraction bit: twice the value is an integer.
int fp4_level(int code) {
  const int exponent = code / 2 % 4;
  const int fraction = code % 2;
  const int magnitude = exponent == 0 ? fraction : (2 + fraction) << (exponent - 1);
  return code < 8 ? magnitude : -magnitude;
}

/// Bytes at which a block keeps f16 numbers.
std::vector<std::size_t> halves_of(DType dtype) {
  switch (dtype) {
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {0, 2};
    case DType::kQ2_K:
      return {80, 82};
    case DType::kQ3_K:
      return {108};
    case DType::kQ6_K:
      return {208};
    case DType::kMXFP4:
      return {};
    default:
      return {0};
  }
}

}  // namespace

float ReferenceElement::value() const {
  const float product = static_cast<float>(level) * scale;
  return has_minimum ? product + minimum : product;
}

ReferenceElement reference_element(DType dtype, const std::uint8_t* block, unsigned k) {
  switch (dtype) {
    case DType::kQ8_0:
      return {block[2 + k] < 128 ? block[2 + k] : block[2 + k] - 256, half(block), 0, false};
    case DType::kQ4_0:
      return {nibble(block + 2, k) - 8, half(block), 0, false};
    case DType::kQ4_1:
      return {nibble(block + 4, k), half(block), half(block + 2), true};
    case DType::kQ5_0:
      return {nibble(block + 6, k) + 16 * bit_of(block + 2, k) - 16, half(block), 0, false};
    case DType::kQ5_1:
      return {nibble(block + 8, k) + 16 * bit_of(block + 4, k), half(block), half(block + 2), true};
    case DType::kIQ4_NL:
      return {iq4_level(nibble(block + 2, k)), half(block), 0, false};
    case DType::kMXFP4:
      return {fp4_level(nibble(block + 1, k)), static_cast<float>(std::ldexp(1.0, block[0] - 128)),
              0, false};
    case DType::kQ2_K:
      return q2_k(block, k);
    case DType::kQ3_K:
      return q3_k(block, k);
    case DType::kQ4_K:
      return q4_k_like(block, block + 16, nullptr, k);
    case DType::kQ5_K:
      return q4_k_like(block, block + 48, block + 16, k);
    case DType::kQ6_K:
      return q6_k(block, k);
    default:
      throw std::logic_error("not a block dtype");
  }
}

const std::vector<DType>& block_types() {
  static const std::vector<DType> kTypes = {
      DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,   DType::kQ2_K,
      DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kMXFP4};
  return kTypes;
}

unsigned group_columns(DType dtype) {
  return dtype == DType::kQ2_K || dtype == DType::kQ3_K || dtype == DType::kQ6_K ? 16 : 32;
}

void set_factors(DType dtype, std::uint8_t* block) {
  for (const std::size_t at : halves_of(dtype)) {
    block[at] = 0;
    block[at + 1] = 0x3C;
  }
  if (dtype == DType::kMXFP4) block[0] = 128;
}

std::vector<std::uint8_t> random_blocks(DType dtype, std::size_t count, std::uint32_t seed,
                                        bool tame) {
  std::mt19937 random(seed);  // its sequence is fixed by the standard
  const std::size_t bytes = info(dtype).block_bytes;
  std::vector<std::uint8_t> out(count * bytes);
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random() >> 24);
  if (!tame) return out;
  for (std::size_t b = 0; b < count; ++b) {
    std::uint8_t* block = out.data() + b * bytes;
    for (const std::size_t at : halves_of(dtype)) {  // any sign and fraction, 2^-10 .. 2^-7
      block[at + 1] = static_cast<std::uint8_t>((block[at + 1] & 0x83) | (5 + random() % 4) << 2);
    }
    if (dtype == DType::kMXFP4) block[0] = static_cast<std::uint8_t>(120 + random() % 8);
  }
  return out;
}

}  // namespace pxos::tensor::test
