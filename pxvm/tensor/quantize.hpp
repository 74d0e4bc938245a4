#pragma once
// Canonical blocks <-> f32. Bit-exact with GGUF's reference dequantisation.

#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <span>
#include <string>

namespace pxos::tensor {

/// IEEE binary16 / bfloat16 <-> binary32; to_*: round half to even, NaN stays NaN (quiet).
[[nodiscard]] float f16_to_f32(std::uint16_t half);
[[nodiscard]] std::uint16_t f32_to_f16(float value);
[[nodiscard]] float bf16_to_f32(std::uint16_t value);
[[nodiscard]] std::uint16_t f32_to_bf16(float value);

/// out[i] = value of element i of one canonical row. Requires: row.size() == row_bytes(dtype,
/// out.size()). U8Affine needs its range: use dequantize_affine.
void dequantize_row(DType dtype, Bytes row, std::span<float> out);

/// Whether quantize_row makes this dtype: F32, F16, BF16 and every block dtype.
[[nodiscard]] bool can_quantize(DType dtype);
/// Their texts, separated by spaces, for messages.
[[nodiscard]] std::string quantizable_dtypes();

/// One canonical row from f32. `importance`: none, or one weight per column, finite and >= 0, of
/// the errors that are made. Requires: can_quantize(dtype), in.size() is whole blocks.
///
/// Without importance, the format's reference rounding, with id = 1 / d in f32 and d stored as f16:
///   - Q8_0: d = amax / 127, q = round_half_away(x * id);
///   - Q4_0, Q5_0: d = (value of largest magnitude) / -z, q = min(trunc(x * id + z + 0.5), 2 z -
///   1),
///     z = 8, 16;
///   - Q4_1, Q5_1: d = (max - min) / top, m = min, q = min(trunc((x - min) * id + 0.5), top);
///   - MXFP4: the OCP scale, nearest level.
/// Everything else minimises a weighted square error: IQ4_NL by trying 15 scales; Q2_K to Q6_K by
/// least squares per group and over the whole block (fit.hpp); with importance Q4_0 to Q5_1 too.
/// A block with a non-finite value becomes NaN (MXFP4: inf).
void quantize_row(DType dtype, std::span<const float> in, MutBytes row,
                  std::span<const float> importance = {});

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
