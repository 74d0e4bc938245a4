#include "cartridges/synthetic_weights.hpp"

#include "pxvm/base/hash.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string_view>

namespace pxos::cartridges {
namespace {

using tensor::DType;

/// Where a block holds its scale, and what random quants around it come to.
struct ScaleRule {
  std::string_view dtype;
  std::uint32_t at;     ///< byte of the f16 scale d in the block
  bool has_offset;      ///< a second f16 follows
  double spread;        ///< standard deviation of the values for d = 1
  double offset_per_d;  ///< the second f16, so that the mean is about zero
};
// spread: uniform quants of n levels deviate by n / sqrt(12); K types multiply by a random scale:
// sqrt(E[sc^2] E[q^2] - E[sc q]^2 + (offset / d)^2 Var[m]).
constexpr std::array<ScaleRule, 11> kScaleRules{{{"q4_0", 0, false, 4.6, 0},
                                                 {"q4_1", 0, true, 4.6, -7.5},
                                                 {"q5_0", 0, false, 9.2, 0},
                                                 {"q5_1", 0, true, 9.2, -15.5},
                                                 {"q8_0", 0, false, 74, 0},
                                                 {"iq4_nl", 0, false, 70, 0},
                                                 {"q2_k", 80, true, 14, 1.5},
                                                 {"q3_k", 108, false, 42, 0},
                                                 {"q4_k", 0, true, 255, 7.5},
                                                 {"q5_k", 0, true, 520, 15.5},
                                                 {"q6_k", 208, false, 1370, 0}}};

/// byte = (random & keep) | set, at byte `at` of every block.
struct Stamp {
  std::uint32_t at;
  std::uint8_t keep;
  std::uint8_t set;
};

/// Bytes that repeat every `block` bytes over random ones.
struct Pattern {
  std::uint64_t block = 1;
  std::vector<Stamp> stamps;

  /// Little-endian `bytes` of a value of which only the bits `random` are random.
  void add(std::uint32_t at, std::uint32_t bytes, std::uint32_t value, std::uint32_t random = 0) {
    for (std::uint32_t i = 0; i < bytes; ++i)
      stamps.push_back({at + i, static_cast<std::uint8_t>(random >> (8 * i)),
                        static_cast<std::uint8_t>(value >> (8 * i))});
  }
};

/// Random sign and mantissa under one exponent: |x| is uniform in [2^e, 2^(e + 1)), about `spread`.
Pattern float_pattern(DType dtype, double spread) {
  const int exponent = static_cast<int>(std::floor(std::log2(spread / 1.5)));
  Pattern out;
  out.block = tensor::info(dtype).block_bytes;
  if (dtype == DType::kF32)
    out.add(0, 4, static_cast<std::uint32_t>(exponent + 127) << 23U, 0x807FFFFFU);
  else if (dtype == DType::kBF16)
    out.add(0, 2, static_cast<std::uint32_t>(exponent + 127) << 7U, 0x807FU);
  else
    out.add(0, 2, static_cast<std::uint32_t>(std::max(exponent + 15, 1)) << 10U, 0x83FFU);
  return out;
}

Result<Pattern> block_pattern(DType dtype, double spread) {
  const tensor::DTypeInfo& info = tensor::info(dtype);
  if (dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16)
    return float_pattern(dtype, spread);
  Pattern out;
  out.block = info.block_bytes;
  if (info.text == "mxfp4") {  // a power of two over 4-bit floats up to 6
    out.add(0, 1, static_cast<std::uint32_t>(127 + std::floor(std::log2(spread / 3))));
    return out;
  }
  const auto* rule = std::find_if(kScaleRules.begin(), kScaleRules.end(),
                                  [&](const ScaleRule& r) { return r.dtype == info.text; });
  if (rule == kScaleRules.end())
    return fail(Errc::kUnsupported, "no random weights of type {}", info.text);
  const double d = spread / rule->spread;
  out.add(rule->at, 2, tensor::f32_to_f16(static_cast<float>(d)));
  if (rule->has_offset)
    out.add(rule->at + 2, 2, tensor::f32_to_f16(static_cast<float>(d * rule->offset_per_d)));
  return out;
}

/// The finaliser of splitmix64: a bijection whose output bits look random for consecutive inputs.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

/// Byte i of the stream is byte i mod 8 of word i / 8.
void fill_random(std::uint64_t seed, std::uint64_t offset, MutBytes out) {
  const auto word = [seed](std::uint64_t n) { return mix(seed + n * 0x9E3779B97F4A7C15U); };
  std::size_t i = 0;
  for (; i < out.size() && (offset + i) % 8 != 0; ++i)
    out[i] = static_cast<std::uint8_t>(word((offset + i) / 8) >> (8 * ((offset + i) % 8)));
  for (std::uint64_t n = (offset + i) / 8; i + 8 <= out.size(); i += 8, ++n) {
    const std::uint64_t value = word(n);
    std::memcpy(out.data() + i, &value, 8);
  }
  for (; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(word((offset + i) / 8) >> (8 * ((offset + i) % 8)));
}

void stamp(const Pattern& pattern, std::uint64_t offset, MutBytes out) {
  const std::uint64_t phase = offset % pattern.block;
  for (const Stamp& s : pattern.stamps) {
    const std::uint64_t first = s.at >= phase ? s.at - phase : s.at + pattern.block - phase;
    for (std::uint64_t i = first; i < out.size(); i += pattern.block)
      out[i] = static_cast<std::uint8_t>((out[i] & s.keep) | s.set);
  }
}

pixelfs::TensorInput input_of(const std::string& name, DType dtype, std::vector<std::int64_t> shape,
                              Pattern pattern) {
  pixelfs::TensorInput input;
  input.name = name;
  input.dtype = dtype;
  input.shape = std::move(shape);
  const std::uint64_t seed = xxh3_64(as_bytes(name));
  input.read_canonical = [seed, pattern = std::move(pattern)](std::uint64_t offset,
                                                              MutBytes out) -> Result<void> {
    fill_random(seed, offset, out);
    stamp(pattern, offset, out);
    return {};
  };
  return input;
}

}  // namespace

Result<pixelfs::TensorInput> synthetic_matrix(const std::string& name, DType dtype,
                                              std::vector<std::int64_t> shape) {
  const std::int64_t cols = shape.back();
  PX_CHECK(tensor::row_bytes(dtype, static_cast<std::uint64_t>(cols)));
  PX_TRY(Pattern pattern, block_pattern(dtype, 1 / std::sqrt(static_cast<double>(cols))));
  return input_of(name, dtype, std::move(shape), std::move(pattern));
}

pixelfs::TensorInput synthetic_vector(const std::string& name, std::int64_t size) {
  Pattern pattern;
  if (name.ends_with(".bias")) {
    pattern = float_pattern(DType::kF32, 0.1);
  } else {
    pattern.block = 4;
    pattern.add(0, 4, std::bit_cast<std::uint32_t>(1.0F));
  }
  pixelfs::TensorInput input = input_of(name, DType::kF32, {size}, std::move(pattern));
  input.layout = pixelfs::SheetLayout::kLinear;
  return input;
}

}  // namespace pxos::cartridges
