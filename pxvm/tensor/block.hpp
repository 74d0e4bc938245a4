#pragma once
// Quantised blocks as what they say: every block dtype's canonical bytes <-> the same few fields.
// Dequantisation, quantisation and packing are written once, over fields; a block dtype is one row
// of kSpecs (block.cpp) plus the two functions that know its canonical bytes. Pure functions, safe
// from any thread.

#include "pxvm/tensor/dtype.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pxos::tensor {

/// Most elements of a block, and most scale groups.
inline constexpr std::size_t kMaxBlock = 256;
inline constexpr std::size_t kMaxGroups = 16;

/// One block of one row. Fields a dtype does not have are zero.
struct BlockFields {
  std::uint16_t d = 0;  ///< f16 bits of the scale; MXFP4: the exponent byte
  std::uint16_t m = 0;  ///< f16 bits of the minimum, or of the scale of the group minima
  std::array<std::uint8_t, kMaxGroups> scales{};  ///< raw bits of the group scales
  std::array<std::uint8_t, kMaxGroups> minima{};  ///< raw bits of the group minima
  std::array<std::uint8_t, kMaxBlock> quants{};   ///< unsigned codes, 0 .. 2^bits - 1
};

/// How group scales lie in a packed unit: planes of 16 bytes, one byte per row (pack.hpp).
enum class ScalePlanes : std::uint8_t {
  kNone,      ///< the block has one scale
  kSixPairs,  ///< 12 planes: 8 scales and 8 minima of 6 bits (Q4_K, Q5_K)
  kSix,       ///< 12 planes: 16 scales of 6 bits (Q3_K)
  kBytes,     ///< 16 planes: int8 scales (Q6_K)
  kNibbles,   ///< 16 planes: scale, and minimum in the high nibble (Q2_K)
};

/// What distinguishes one block dtype from another.
struct BlockSpec {
  DType dtype;
  std::uint32_t group;      ///< columns that share a scale
  std::uint32_t low_bits;   ///< of a quant, kept together in a unit: 8, 4 or 2
  std::uint32_t high_bits;  ///< the rest: 0, 1 or 2
  std::int32_t zero_point;  ///< level of code q is q - zero_point, unless there is a table
  std::int32_t scale_zero;  ///< subtracted from a raw group scale
  bool has_min;
  bool exponent_scale;  ///< d is an exponent byte, not f16
  ScalePlanes planes;
  const std::int8_t* levels;  ///< 16 levels, or null
  void (*read)(const std::uint8_t* block, BlockFields& fields);
  void (*write)(const BlockFields& fields, std::uint8_t* block);
};

/// Null for dtypes whose elements stand alone.
[[nodiscard]] const BlockSpec* block_spec(DType dtype);

/// Integer level of a code: what a block's scale multiplies.
[[nodiscard]] inline std::int32_t level(const BlockSpec& spec, std::uint8_t code) {
  return spec.levels != nullptr ? spec.levels[code] : code - spec.zero_point;
}

/// A row that does not exist: every value exactly +0.
[[nodiscard]] BlockFields padding_fields(const BlockSpec& spec);

/// x[k] = D[g] * level(q[k]) + M[g], each operation rounded to f32, where D = d and M = m for
/// blocks with one scale, else D = d * s[g] and M = -(m * t[g]); no addition without a minimum.
/// These are the operations of GGUF's reference, so the bits are equal. Requires: out.size() is the
/// block's element count.
void dequantize_fields(const BlockSpec& spec, const BlockFields& fields, std::span<float> out);

/// 2^(exponent - 128): half of the OCP E8M0 scale, because FP4 levels are stored doubled.
[[nodiscard]] float exponent_scale(std::uint8_t exponent);

/// The 16 levels of IQ4_NL, and twice the 16 values of FP4 E2M1.
extern const std::array<std::int8_t, 16> kIq4Levels;
extern const std::array<std::int8_t, 16> kFp4Levels;

}  // namespace pxos::tensor
