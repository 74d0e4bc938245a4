// Blocks of 32 elements.

#include "pxvm/tensor/block_bytes.hpp"

namespace pxos::tensor {
namespace {

constexpr std::size_t kHalf = 16;

std::uint16_t read_u16(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(from[0] | from[1] << 8);
}

void write_u16(std::uint16_t value, std::uint8_t* to) {
  to[0] = static_cast<std::uint8_t>(value);
  to[1] = static_cast<std::uint8_t>(value >> 8);
}

void read_nibbles(const std::uint8_t* bytes, std::uint8_t* quants) {
  for (std::size_t i = 0; i < kHalf; ++i) {
    quants[i] = bytes[i] & 15;
    quants[kHalf + i] = static_cast<std::uint8_t>(bytes[i] >> 4);
  }
}

void write_nibbles(const std::uint8_t* quants, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < kHalf; ++i) {
    bytes[i] = static_cast<std::uint8_t>((quants[i] & 15) | quants[kHalf + i] << 4);
  }
}

/// Adds bit k of the u32 at `bytes` to quant k, as bit 4.
void read_fifth_bits(const std::uint8_t* bytes, std::uint8_t* quants) {
  for (std::size_t k = 0; k < 2 * kHalf; ++k) {
    const int bit = bytes[k / 8] >> (k % 8) & 1;
    quants[k] = static_cast<std::uint8_t>(quants[k] | bit << 4);
  }
}

void write_fifth_bits(const std::uint8_t* quants, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < 4; ++i) {
    int byte = 0;
    for (std::size_t b = 0; b < 8; ++b) byte |= (quants[8 * i + b] >> 4 & 1) << b;
    bytes[i] = static_cast<std::uint8_t>(byte);
  }
}

}  // namespace

void read_q8_0(const std::uint8_t* block, BlockFields& fields) {
  fields.d = read_u16(block);
  for (std::size_t k = 0; k < 2 * kHalf; ++k) fields.quants[k] = block[2 + k] ^ 0x80;
}

void write_q8_0(const BlockFields& fields, std::uint8_t* block) {
  write_u16(fields.d, block);
  for (std::size_t k = 0; k < 2 * kHalf; ++k) block[2 + k] = fields.quants[k] ^ 0x80;
}

void read_q4_0(const std::uint8_t* block, BlockFields& fields) {
  fields.d = read_u16(block);
  read_nibbles(block + 2, fields.quants.data());
}

void write_q4_0(const BlockFields& fields, std::uint8_t* block) {
  write_u16(fields.d, block);
  write_nibbles(fields.quants.data(), block + 2);
}

void read_q4_1(const std::uint8_t* block, BlockFields& fields) {
  fields.d = read_u16(block);
  fields.m = read_u16(block + 2);
  read_nibbles(block + 4, fields.quants.data());
}

void write_q4_1(const BlockFields& fields, std::uint8_t* block) {
  write_u16(fields.d, block);
  write_u16(fields.m, block + 2);
  write_nibbles(fields.quants.data(), block + 4);
}

void read_q5_0(const std::uint8_t* block, BlockFields& fields) {
  fields.d = read_u16(block);
  read_nibbles(block + 6, fields.quants.data());
  read_fifth_bits(block + 2, fields.quants.data());
}

void write_q5_0(const BlockFields& fields, std::uint8_t* block) {
  write_u16(fields.d, block);
  write_fifth_bits(fields.quants.data(), block + 2);
  write_nibbles(fields.quants.data(), block + 6);
}

void read_q5_1(const std::uint8_t* block, BlockFields& fields) {
  fields.d = read_u16(block);
  fields.m = read_u16(block + 2);
  read_nibbles(block + 8, fields.quants.data());
  read_fifth_bits(block + 4, fields.quants.data());
}

void write_q5_1(const BlockFields& fields, std::uint8_t* block) {
  write_u16(fields.d, block);
  write_u16(fields.m, block + 2);
  write_fifth_bits(fields.quants.data(), block + 4);
  write_nibbles(fields.quants.data(), block + 8);
}

void read_mxfp4(const std::uint8_t* block, BlockFields& fields) {
  fields.d = block[0];
  read_nibbles(block + 1, fields.quants.data());
}

void write_mxfp4(const BlockFields& fields, std::uint8_t* block) {
  block[0] = static_cast<std::uint8_t>(fields.d);
  write_nibbles(fields.quants.data(), block + 1);
}

}  // namespace pxos::tensor
