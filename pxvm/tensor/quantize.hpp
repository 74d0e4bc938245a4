#pragma once
// Canonical blocks <-> f32. Bit-exact with GGUF's reference dequantisation.

#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <span>

namespace pxos::tensor {

/// IEEE binary16 / bfloat16 <-> binary32; to_*: round half to even, NaN stays NaN (quiet).
[[nodiscard]] float f16_to_f32(std::uint16_t half);
[[nodiscard]] std::uint16_t f32_to_f16(float value);
[[nodiscard]] float bf16_to_f32(std::uint16_t value);
[[nodiscard]] std::uint16_t f32_to_bf16(float value);

/// out[i] = value of element i of one canonical row. Requires: row.size() == row_bytes(dtype,
/// out.size()). U8Affine needs its range: use dequantize_affine.
void dequantize_row(DType dtype, Bytes row, std::span<float> out);

/// One canonical row from f32 (F32, F16, BF16, Q8_0, Q4_0, Q4_1). Q8_0: d = amax / 127,
/// q = round_half_away(x / d); Q4_0: d = (value of largest magnitude) / -8; Q4_1: d = (max - min)
/// / 15.
void quantize_row(DType dtype, std::span<const float> in, MutBytes row);

struct AffineRange {
  float min = 0;
  float max = 0;
};

/// Pixel-LLM v0 quantisation (docs/spec/pixellm_v0.md), each step rounded to f32:
/// q = clip(rint_even((x - min) / (max - min) * 255)); when max == min, max = min + 1e-6.
[[nodiscard]] AffineRange quantize_affine(std::span<const float> in, MutBytes out);
/// x = q / 255 * (max - min) + min, no FMA.
void dequantize_affine(Bytes in, AffineRange range, std::span<float> out);

}  // namespace pxos::tensor
