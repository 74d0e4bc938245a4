// Super-blocks of 256 elements (the K types). Bit fields are cut out of the columns in stripes:
// "stripe of w columns, b bits" means that byte w * c + l holds columns l, l + w, l + 2 w, ... of
// its span, b bits each, the first one lowest; a span of 8 w / b columns takes w bytes.
//
//   type   bytes  fields in order
//   Q2_K     84   scales[16] (s | t << 4), q in stripes of 32 columns x 2 bits [64], d, m
//   Q3_K    110   third bits in stripes of 32 x 1 [32], q in stripes of 32 x 2 [64], s 6 bit [12],
//   d Q4_K    144   d, m, s and t 6 bit [12], q in stripes of 32 x 4 [128] Q5_K    176   d, m, s
//   and t 6 bit [12], fifth bits in stripes of 32 x 1 [32], q as Q4_K [128] Q6_K    210   q in
//   stripes of 64 x 4 [128], upper two bits in stripes of 32 x 2 [64], int8 s[16], d

#include "pxvm/tensor/block_bytes.hpp"

#include <algorithm>

namespace pxos::tensor {
namespace {

constexpr std::size_t kColumns = 256;

std::uint16_t read_u16(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(from[0] | from[1] << 8);
}

void write_u16(std::uint16_t value, std::uint8_t* to) {
  to[0] = static_cast<std::uint8_t>(value);
  to[1] = static_cast<std::uint8_t>(value >> 8);
}

/// ORs the stripes' bits, moved up by kShift, into the quants.
template <std::size_t kWidth, int kBits, int kShift>
void read_stripes(const std::uint8_t* bytes, std::uint8_t* quants) {
  constexpr std::size_t kSpan = kWidth * 8 / kBits;
  for (std::size_t span = 0; span < kColumns; span += kSpan, bytes += kWidth) {
    for (std::size_t s = 0; s < 8 / kBits; ++s) {
      std::uint8_t* to = quants + span + s * kWidth;
      const int from = static_cast<int>(s) * kBits;
      for (std::size_t l = 0; l < kWidth; ++l) {
        to[l] =
            static_cast<std::uint8_t>(to[l] | (bytes[l] >> from & ((1 << kBits) - 1)) << kShift);
      }
    }
  }
}

template <std::size_t kWidth, int kBits, int kShift>
void write_stripes(const std::uint8_t* quants, std::uint8_t* bytes) {
  constexpr std::size_t kSpan = kWidth * 8 / kBits;
  std::fill_n(bytes, kColumns * kBits / 8, std::uint8_t{0});
  for (std::size_t span = 0; span < kColumns; span += kSpan, bytes += kWidth) {
    for (std::size_t s = 0; s < 8 / kBits; ++s) {
      const std::uint8_t* from = quants + span + s * kWidth;
      const int to = static_cast<int>(s) * kBits;
      for (std::size_t l = 0; l < kWidth; ++l) {
        const int bits = from[l] >> kShift & ((1 << kBits) - 1);
        bytes[l] = static_cast<std::uint8_t>(bytes[l] | bits << to);
      }
    }
  }
}

/// Eight scales and eight minima of 6 bits in 12 bytes: bytes 0-3 hold s[0..3] and, in their upper
/// two bits, those of s[4..7]; bytes 4-7 the same of t; bytes 8-11 the low nibbles, s then t.
void read_six_pairs(const std::uint8_t* bytes, BlockFields& fields) {
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint8_t s = bytes[i];
    const std::uint8_t t = bytes[4 + i];
    const std::uint8_t low = bytes[8 + i];
    fields.scales[i] = s & 63;
    fields.minima[i] = t & 63;
    fields.scales[4 + i] = static_cast<std::uint8_t>((low & 15) | (s >> 6) << 4);
    fields.minima[4 + i] = static_cast<std::uint8_t>(low >> 4 | (t >> 6) << 4);
  }
}

void write_six_pairs(const BlockFields& fields, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint8_t s = fields.scales[4 + i];
    const std::uint8_t t = fields.minima[4 + i];
    bytes[i] = static_cast<std::uint8_t>(fields.scales[i] | (s >> 4) << 6);
    bytes[4 + i] = static_cast<std::uint8_t>(fields.minima[i] | (t >> 4) << 6);
    bytes[8 + i] = static_cast<std::uint8_t>((s & 15) | (t & 15) << 4);
  }
}

/// Sixteen scales of 6 bits in 12 bytes: low nibbles of s[0..7] and s[8..15] in bytes 0-7, then the
/// upper two bits of s[i] in byte 8 + i % 4, at bit 2 (i / 4).
void read_sixes(const std::uint8_t* bytes, BlockFields& fields) {
  for (std::size_t i = 0; i < kMaxGroups; ++i) {
    const int low = i < 8 ? bytes[i] & 15 : bytes[i - 8] >> 4;
    const int high = bytes[8 + i % 4] >> (2 * (i / 4)) & 3;
    fields.scales[i] = static_cast<std::uint8_t>(low | high << 4);
  }
}

void write_sixes(const BlockFields& fields, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] =
        static_cast<std::uint8_t>((fields.scales[i] & 15) | (fields.scales[8 + i] & 15) << 4);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    int byte = 0;
    for (std::size_t j = 0; j < 4; ++j) byte |= fields.scales[4 * j + i] >> 4 << (2 * j);
    bytes[8 + i] = static_cast<std::uint8_t>(byte);
  }
}

}  // namespace

void read_q2_k(const std::uint8_t* block, BlockFields& fields) {
  for (std::size_t g = 0; g < kMaxGroups; ++g) {
    fields.scales[g] = block[g] & 15;
    fields.minima[g] = static_cast<std::uint8_t>(block[g] >> 4);
  }
  fields.quants.fill(0);
  read_stripes<32, 2, 0>(block + 16, fields.quants.data());
  fields.d = read_u16(block + 80);
  fields.m = read_u16(block + 82);
}

void write_q2_k(const BlockFields& fields, std::uint8_t* block) {
  for (std::size_t g = 0; g < kMaxGroups; ++g) {
    block[g] = static_cast<std::uint8_t>(fields.scales[g] | fields.minima[g] << 4);
  }
  write_stripes<32, 2, 0>(fields.quants.data(), block + 16);
  write_u16(fields.d, block + 80);
  write_u16(fields.m, block + 82);
}

void read_q3_k(const std::uint8_t* block, BlockFields& fields) {
  fields.quants.fill(0);
  read_stripes<32, 1, 2>(block, fields.quants.data());
  read_stripes<32, 2, 0>(block + 32, fields.quants.data());
  read_sixes(block + 96, fields);
  fields.d = read_u16(block + 108);
}

void write_q3_k(const BlockFields& fields, std::uint8_t* block) {
  write_stripes<32, 1, 2>(fields.quants.data(), block);
  write_stripes<32, 2, 0>(fields.quants.data(), block + 32);
  write_sixes(fields, block + 96);
  write_u16(fields.d, block + 108);
}

void read_q4_k(const std::uint8_t* block, BlockFields& fields) {
  fields.d = read_u16(block);
  fields.m = read_u16(block + 2);
  read_six_pairs(block + 4, fields);
  fields.quants.fill(0);
  read_stripes<32, 4, 0>(block + 16, fields.quants.data());
}

void write_q4_k(const BlockFields& fields, std::uint8_t* block) {
  write_u16(fields.d, block);
  write_u16(fields.m, block + 2);
  write_six_pairs(fields, block + 4);
  write_stripes<32, 4, 0>(fields.quants.data(), block + 16);
}

void read_q5_k(const std::uint8_t* block, BlockFields& fields) {
  fields.d = read_u16(block);
  fields.m = read_u16(block + 2);
  read_six_pairs(block + 4, fields);
  fields.quants.fill(0);
  read_stripes<32, 1, 4>(block + 16, fields.quants.data());
  read_stripes<32, 4, 0>(block + 48, fields.quants.data());
}

void write_q5_k(const BlockFields& fields, std::uint8_t* block) {
  write_u16(fields.d, block);
  write_u16(fields.m, block + 2);
  write_six_pairs(fields, block + 4);
  write_stripes<32, 1, 4>(fields.quants.data(), block + 16);
  write_stripes<32, 4, 0>(fields.quants.data(), block + 48);
}

void read_q6_k(const std::uint8_t* block, BlockFields& fields) {
  fields.quants.fill(0);
  read_stripes<64, 4, 0>(block, fields.quants.data());
  read_stripes<32, 2, 4>(block + 128, fields.quants.data());
  std::copy_n(block + 192, kMaxGroups, fields.scales.begin());
  fields.d = read_u16(block + 208);
}

void write_q6_k(const BlockFields& fields, std::uint8_t* block) {
  write_stripes<64, 4, 0>(fields.quants.data(), block);
  write_stripes<32, 2, 4>(fields.quants.data(), block + 128);
  std::copy_n(fields.scales.begin(), kMaxGroups, block + 192);
  write_u16(fields.d, block + 208);
}

}  // namespace pxos::tensor
