#include "pxvm/tensor/quantize.hpp"

#include "pxvm/tensor/block.hpp"
#include "pxvm/tensor/quantize_block.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace pxos::tensor {
namespace {

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

bool all_finite(std::span<const float> in) {
  return std::all_of(in.begin(), in.end(), [](float x) { return std::isfinite(x); });
}

/// A block with a non-finite value poisons what it touches instead of hiding in small integers: its
/// scale is NaN, or where the scale is an exponent, all its values are infinite.
void poison(const BlockSpec& spec, BlockFields& out) {
  out.quants.fill(spec.exponent_scale ? std::uint8_t{7} : std::uint8_t{0});
  out.d = spec.exponent_scale ? std::uint16_t{255}
                              : f32_to_f16(std::numeric_limits<float>::quiet_NaN());
}

void quantize_block(const BlockSpec& spec, std::span<const float> in, const float* importance,
                    BlockFields& out) {
  if (!all_finite(in)) return poison(spec, out);
  if (spec.planes == ScalePlanes::kNone) {
    quantize_small_block(spec, in.data(), importance, out);
  } else {
    quantize_super_block(spec, in.data(), importance, out);
  }
}

bool row_size_matches(DType dtype, std::size_t elements, std::size_t bytes) {
  const DTypeInfo& entry = info(dtype);
  return elements % entry.block_elems == 0 &&
         bytes == elements / entry.block_elems * entry.block_bytes;
}

/// Elements that stand alone; `in` holds out.size() of them.
void dequantize_elements(DType dtype, const std::uint8_t* in, std::span<float> out) {
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
    default:
      PX_ASSERT(!"blocks and u8affine have functions of their own");
  }
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
  if (const BlockSpec* spec = block_spec(dtype); spec != nullptr) {
    const DTypeInfo& entry = info(dtype);
    BlockFields fields;
    for (std::size_t b = 0; b < out.size() / entry.block_elems; ++b) {
      spec->read(row.data() + b * entry.block_bytes, fields);
      dequantize_fields(*spec, fields, out.subspan(b * entry.block_elems, entry.block_elems));
    }
    return;
  }
  dequantize_elements(dtype, row.data(), out);
}

bool can_quantize(DType dtype) {
  if (block_spec(dtype) != nullptr) return true;
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

std::string quantizable_dtypes() {
  std::string names;
  for (std::uint32_t code = 0; code < 256; ++code) {
    const auto dtype = dtype_from_code(code);
    if (!dtype || !can_quantize(*dtype)) continue;
    if (!names.empty()) names += ' ';
    names += info(*dtype).text;
  }
  return names;
}

void quantize_row(DType dtype, std::span<const float> in, MutBytes row,
                  std::span<const float> importance) {
  PX_ASSERT(row_size_matches(dtype, in.size(), row.size()) && can_quantize(dtype));
  PX_ASSERT(importance.empty() || importance.size() == in.size());
  std::uint8_t* out = row.data();
  if (const BlockSpec* spec = block_spec(dtype); spec != nullptr) {
    const DTypeInfo& entry = info(dtype);
    for (std::size_t b = 0; b < in.size() / entry.block_elems; ++b) {
      const std::size_t first = b * entry.block_elems;
      BlockFields fields;
      quantize_block(*spec, in.subspan(first, entry.block_elems),
                     importance.empty() ? nullptr : importance.data() + first, fields);
      spec->write(fields, out + b * entry.block_bytes);
    }
    return;
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (dtype == DType::kF32) store(out + 4 * i, in[i]);
    if (dtype == DType::kF16) store(out + 2 * i, f32_to_f16(in[i]));
    if (dtype == DType::kBF16) store(out + 2 * i, f32_to_bf16(in[i]));
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
