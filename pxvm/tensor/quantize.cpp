#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace pxos::tensor {
namespace {

constexpr std::size_t kBlock = 32;

template <class T>
T load(const std::uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void store(std::uint8_t* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

void dequantize_q8_0(const std::uint8_t* block, float* out) {
  const float d = f16_to_f32(load<std::uint16_t>(block));
  for (std::size_t k = 0; k < kBlock; ++k) {
    out[k] = static_cast<float>(static_cast<std::int8_t>(block[2 + k])) * d;
  }
}

void dequantize_q4_0(const std::uint8_t* block, float* out) {
  const float d = f16_to_f32(load<std::uint16_t>(block));
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    const int both = block[2 + i];
    out[i] = static_cast<float>((both & 15) - 8) * d;
    out[i + kBlock / 2] = static_cast<float>((both >> 4) - 8) * d;
  }
}

void dequantize_q4_1(const std::uint8_t* block, float* out) {
  const float d = f16_to_f32(load<std::uint16_t>(block));
  const float m = f16_to_f32(load<std::uint16_t>(block + 2));
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    const int both = block[4 + i];
    out[i] = static_cast<float>(both & 15) * d + m;
    out[i + kBlock / 2] = static_cast<float>(both >> 4) * d + m;
  }
}

bool all_finite(const float* in) {
  return std::all_of(in, in + kBlock, [](float x) { return std::isfinite(x); });
}

/// A block with a non-finite value has scale NaN: it poisons what it touches instead of hiding in
/// int8.
void store_poisoned(std::uint8_t* block, std::size_t bytes) {
  std::fill(block, block + bytes, std::uint8_t{0});
  store(block, f32_to_f16(std::numeric_limits<float>::quiet_NaN()));
}

int clamped_int(float value, int low, int high) {
  return static_cast<int>(std::clamp(value, static_cast<float>(low), static_cast<float>(high)));
}

void quantize_q8_0(const float* in, std::uint8_t* block) {
  if (!all_finite(in)) return store_poisoned(block, 34);
  float amax = 0;
  for (std::size_t k = 0; k < kBlock; ++k) amax = std::max(amax, std::abs(in[k]));
  const float d = amax / 127.0F;
  store(block, f32_to_f16(d));
  for (std::size_t k = 0; k < kBlock; ++k) {
    const float q = d == 0 ? 0 : std::round(in[k] / d);
    block[2 + k] = static_cast<std::uint8_t>(clamped_int(q, -127, 127));
  }
}

void store_nibbles(const int* q, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < kBlock / 2; ++i) {
    bytes[i] = static_cast<std::uint8_t>(q[i] | (q[i + kBlock / 2] << 4));
  }
}

void quantize_q4_0(const float* in, std::uint8_t* block) {
  if (!all_finite(in)) return store_poisoned(block, 18);
  float extreme = 0;
  for (std::size_t k = 0; k < kBlock; ++k) {
    if (std::abs(in[k]) > std::abs(extreme)) extreme = in[k];
  }
  const float d = extreme / -8.0F;
  int q[kBlock];
  for (std::size_t k = 0; k < kBlock; ++k) {
    q[k] = d == 0 ? 8 : clamped_int(in[k] / d + 8.5F, 0, 15);
  }
  store(block, f32_to_f16(d));
  store_nibbles(q, block + 2);
}

void quantize_q4_1(const float* in, std::uint8_t* block) {
  if (!all_finite(in)) return store_poisoned(block, 20);
  const auto [low, high] = std::minmax_element(in, in + kBlock);
  const float d = (*high - *low) / 15.0F;
  int q[kBlock];
  for (std::size_t k = 0; k < kBlock; ++k) {
    q[k] = d == 0 ? 0 : clamped_int((in[k] - *low) / d + 0.5F, 0, 15);
  }
  store(block, f32_to_f16(d));
  store(block + 2, f32_to_f16(*low));
  store_nibbles(q, block + 4);
}

/// Calls function(block of the row, 32 values) for each block.
template <class Value, class Byte, class Function>
void for_each_block(std::size_t block_bytes, std::span<Value> values, std::span<Byte> row,
                    Function function) {
  for (std::size_t b = 0; b < values.size() / kBlock; ++b) {
    function(row.data() + b * block_bytes, values.data() + b * kBlock);
  }
}

bool row_size_matches(DType dtype, std::size_t elements, std::size_t bytes) {
  const DTypeInfo& entry = info(dtype);
  return elements % entry.block_elems == 0 &&
         bytes == elements / entry.block_elems * entry.block_bytes;
}

}  // namespace

float f16_to_f32(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16;
  const std::uint32_t exponent = (half >> 10) & 31U;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 31) {  // a signalling NaN becomes quiet, as the hardware conversion does
    const std::uint32_t quiet = fraction == 0 ? 0 : 0x0040'0000U;
    return std::bit_cast<float>(sign | 0x7f80'0000U | quiet | (fraction << 13));
  }
  if (exponent == 0) {  // fraction * 2^-24 is exact
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

std::uint16_t f32_to_f16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fff'ffffU;
  if (magnitude > 0x7f80'0000U) {
    return static_cast<std::uint16_t>(sign | 0x7e00U | ((magnitude >> 13) & 0x3ffU));
  }
  if (magnitude >= 0x4780'0000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // >= 65536
  if (magnitude < 0x3880'0000U) {  // below 2^-14: the sum aligns the fraction to 2^-24 and rounds
    const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
    const std::uint32_t fraction = std::bit_cast<std::uint32_t>(aligned) - 0x3f00'0000U;
    return static_cast<std::uint16_t>(sign | fraction);
  }
  const std::uint32_t rounded = magnitude + 0xfffU + ((magnitude >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x3800'0000U) >> 13));
}

float bf16_to_f32(std::uint16_t value) {
  return std::bit_cast<float>(std::uint32_t{value} << 16);
}

std::uint16_t f32_to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fff'ffffU) > 0x7f80'0000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

void dequantize_row(DType dtype, Bytes row, std::span<float> out) {
  PX_ASSERT(row_size_matches(dtype, out.size(), row.size()));
  const std::uint8_t* in = row.data();
  const std::size_t n = out.size();
  switch (dtype) {
    case DType::kF32:
      for (std::size_t i = 0; i < n; ++i) out[i] = load<float>(in + 4 * i);
      return;
    case DType::kF16:
      for (std::size_t i = 0; i < n; ++i) out[i] = f16_to_f32(load<std::uint16_t>(in + 2 * i));
      return;
    case DType::kBF16:
      for (std::size_t i = 0; i < n; ++i) out[i] = bf16_to_f32(load<std::uint16_t>(in + 2 * i));
      return;
    case DType::kI8:
      for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(load<std::int8_t>(in + i));
      return;
    case DType::kI32:
      for (std::size_t i = 0; i < n; ++i)
        out[i] = static_cast<float>(load<std::int32_t>(in + 4 * i));
      return;
    case DType::kU8:
      for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]);
      return;
    case DType::kQ8_0:
      return for_each_block(34, out, row, [](auto* b, float* x) { dequantize_q8_0(b, x); });
    case DType::kQ4_0:
      return for_each_block(18, out, row, [](auto* b, float* x) { dequantize_q4_0(b, x); });
    case DType::kQ4_1:
      return for_each_block(20, out, row, [](auto* b, float* x) { dequantize_q4_1(b, x); });
    case DType::kU8Affine:
      PX_ASSERT(!"u8affine needs its range: dequantize_affine");
  }
}

void quantize_row(DType dtype, std::span<const float> in, MutBytes row) {
  PX_ASSERT(row_size_matches(dtype, in.size(), row.size()));
  std::uint8_t* out = row.data();
  const std::size_t n = in.size();
  switch (dtype) {
    case DType::kF32:
      for (std::size_t i = 0; i < n; ++i) store(out + 4 * i, in[i]);
      return;
    case DType::kF16:
      for (std::size_t i = 0; i < n; ++i) store(out + 2 * i, f32_to_f16(in[i]));
      return;
    case DType::kBF16:
      for (std::size_t i = 0; i < n; ++i) store(out + 2 * i, f32_to_bf16(in[i]));
      return;
    case DType::kQ8_0:
      return for_each_block(34, in, row, [](auto* b, const float* x) { quantize_q8_0(x, b); });
    case DType::kQ4_0:
      return for_each_block(18, in, row, [](auto* b, const float* x) { quantize_q4_0(x, b); });
    case DType::kQ4_1:
      return for_each_block(20, in, row, [](auto* b, const float* x) { quantize_q4_1(x, b); });
    case DType::kI8:
    case DType::kI32:
    case DType::kU8:
    case DType::kU8Affine:
      PX_ASSERT(!"quantize_row: no rule for this dtype");
  }
}

AffineRange quantize_affine(std::span<const float> in, MutBytes out) {
  PX_ASSERT(in.size() == out.size());
  if (in.empty()) return {};
  const auto [low, high] = std::minmax_element(in.begin(), in.end());
  AffineRange range{*low, *high};
  if (range.max == range.min) range.max = range.min + 1e-6F;
  const float width = range.max - range.min;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const float scaled = (in[i] - range.min) / width * 255.0F;
    // Not a number (0 / 0 of a huge constant tensor, or a NaN weight) stores 0.
    const float clipped = scaled >= 0 ? std::min(scaled, 255.0F) : 0.0F;
    constexpr float kRound = 0x1.8p23F;  // adding and subtracting it rounds half to even
    out[i] = static_cast<std::uint8_t>((clipped + kRound) - kRound);
  }
  return range;
}

void dequantize_affine(Bytes in, AffineRange range, std::span<float> out) {
  PX_ASSERT(in.size() == out.size());
  const float width = range.max - range.min;
  for (std::size_t i = 0; i < in.size(); ++i) {
    out[i] = static_cast<float>(in[i]) / 255.0F * width + range.min;
  }
}

}  // namespace pxos::tensor
