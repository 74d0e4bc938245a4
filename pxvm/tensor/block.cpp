#include "pxvm/tensor/block.hpp"

#include "pxvm/base/result.hpp"
#include "pxvm/tensor/block_bytes.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <bit>

namespace pxos::tensor {

// IQ4_NL: levels denser near zero, as weights are. FP4 E2M1: 0 0.5 1 1.5 2 3 4 6 and the negatives.
const std::array<std::int8_t, 16> kIq4Levels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                1,    13,   25,  38,  53,  69,  89,  113};
const std::array<std::int8_t, 16> kFp4Levels = {0, 1,  2,  3,  4,  6,  8,  12,
                                                0, -1, -2, -3, -4, -6, -8, -12};

namespace {

using P = ScalePlanes;
const std::int8_t* const kNoLevels = nullptr;

// clang-format off
//                  group low high zero scale min    exponent planes       levels              bytes
const std::array kSpecs = {
  BlockSpec{DType::kQ4_0,   32, 4, 0,   8,  0, false, false, P::kNone,     kNoLevels,         read_q4_0, write_q4_0},
  BlockSpec{DType::kQ4_1,   32, 4, 0,   0,  0, true,  false, P::kNone,     kNoLevels,         read_q4_1, write_q4_1},
  BlockSpec{DType::kQ5_0,   32, 4, 1,  16,  0, false, false, P::kNone,     kNoLevels,         read_q5_0, write_q5_0},
  BlockSpec{DType::kQ5_1,   32, 4, 1,   0,  0, true,  false, P::kNone,     kNoLevels,         read_q5_1, write_q5_1},
  BlockSpec{DType::kQ8_0,   32, 8, 0, 128,  0, false, false, P::kNone,     kNoLevels,         read_q8_0, write_q8_0},
  BlockSpec{DType::kQ2_K,   16, 2, 0,   0,  0, true,  false, P::kNibbles,  kNoLevels,         read_q2_k, write_q2_k},
  BlockSpec{DType::kQ3_K,   16, 2, 1,   4, 32, false, false, P::kSix,      kNoLevels,         read_q3_k, write_q3_k},
  BlockSpec{DType::kQ4_K,   32, 4, 0,   0,  0, true,  false, P::kSixPairs, kNoLevels,         read_q4_k, write_q4_k},
  BlockSpec{DType::kQ5_K,   32, 4, 1,   0,  0, true,  false, P::kSixPairs, kNoLevels,         read_q5_k, write_q5_k},
  BlockSpec{DType::kQ6_K,   16, 4, 2,  32,  0, false, false, P::kBytes,    kNoLevels,         read_q6_k, write_q6_k},
  BlockSpec{DType::kIQ4_NL, 32, 4, 0,   0,  0, false, false, P::kNone,     kIq4Levels.data(), read_q4_0, write_q4_0},
  BlockSpec{DType::kMXFP4,  32, 4, 0,   0,  0, false, true,  P::kNone,     kFp4Levels.data(), read_mxfp4, write_mxfp4},
};
// clang-format on

/// Raw bits of a group scale as a number.
std::int32_t group_scale(const BlockSpec& spec, std::uint8_t raw) {
  if (spec.planes == ScalePlanes::kBytes) return static_cast<std::int8_t>(raw);
  return raw - spec.scale_zero;
}

/// out = x[k] of `spec.group` columns.
void dequantize_group(const BlockSpec& spec, const std::uint8_t* quants, float scale, float* out) {
  if (spec.levels != nullptr) {
    for (std::uint32_t k = 0; k < spec.group; ++k) {
      out[k] = static_cast<float>(spec.levels[quants[k]]) * scale;
    }
    return;
  }
  for (std::uint32_t k = 0; k < spec.group; ++k) {
    out[k] = static_cast<float>(quants[k] - spec.zero_point) * scale;
  }
}

}  // namespace

const BlockSpec* block_spec(DType dtype) {
  const auto* found = std::ranges::find(kSpecs, dtype, &BlockSpec::dtype);
  return found == kSpecs.end() ? nullptr : &*found;
}

BlockFields padding_fields(const BlockSpec& spec) {
  BlockFields fields;
  fields.quants.fill(static_cast<std::uint8_t>(spec.zero_point));
  return fields;
}

float exponent_scale(std::uint8_t exponent) {
  // 2^-128 and 2^-127 are denormal.
  if (exponent < 2) return std::bit_cast<float>(0x0020'0000U << exponent);
  return std::bit_cast<float>((std::uint32_t{exponent} - 1) << 23);
}

void dequantize_fields(const BlockSpec& spec, const BlockFields& fields, std::span<float> out) {
  const float d = spec.exponent_scale ? exponent_scale(static_cast<std::uint8_t>(fields.d))
                                      : f16_to_f32(fields.d);
  const float m = spec.has_min ? f16_to_f32(fields.m) : 0.0F;
  const bool grouped = spec.planes != ScalePlanes::kNone;
  for (std::size_t g = 0; g < out.size() / spec.group; ++g) {
    const auto s = static_cast<float>(group_scale(spec, fields.scales[g]));
    float* to = out.data() + g * spec.group;
    dequantize_group(spec, fields.quants.data() + g * spec.group, grouped ? d * s : d, to);
    if (!spec.has_min) continue;
    const float minimum = grouped ? -(m * static_cast<float>(fields.minima[g])) : m;
    for (std::uint32_t k = 0; k < spec.group; ++k) to[k] += minimum;
  }
}

}  // namespace pxos::tensor
