#include "pxvm/tensor/quantize.hpp"

#include "pxvm/tensor/block.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// Value of a finite f16 from its definition.
double f16_value(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

std::vector<float> block_of(float first, float step) {
  std::vector<float> out(32);
  for (std::size_t i = 0; i < 32; ++i) out[i] = first + step * static_cast<float>(i);
  return out;
}

std::vector<float> round_trip(DType dtype, const std::vector<float>& in) {
  ByteVector row(row_bytes(dtype, in.size()).value());
  quantize_row(dtype, in, row);
  std::vector<float> out(in.size());
  dequantize_row(dtype, row, out);
  return out;
}

}  // namespace

TEST_CASE("every f16 widens to its value and comes back", "[tensor][quantize]") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float wide = f16_to_f32(half);
    if ((half & 0x7fff) > 0x7c00) {
      REQUIRE(std::isnan(wide));
      REQUIRE(f32_to_f16(wide) == (half | 0x200));
      continue;
    }
    if ((half & 0x7fff) == 0x7c00) {
      REQUIRE(std::isinf(wide));
    } else {
      REQUIRE(static_cast<double>(wide) == f16_value(half));
    }
    REQUIRE(f32_to_f16(wide) == half);
  }
}

TEST_CASE("f32_to_f16 rounds to the nearest, ties to even", "[tensor][quantize]") {
  for (std::uint16_t half = 0; half < 0x7bff; ++half) {
    const double low = f16_value(half);
    const double high = f16_value(static_cast<std::uint16_t>(half + 1));
    const float middle = static_cast<float>((low + high) / 2);  // exact: one more bit
    REQUIRE(f32_to_f16(middle) == (half % 2 == 0 ? half : half + 1));
    REQUIRE(f32_to_f16(std::nextafter(middle, 0.0F)) == half);
    REQUIRE(f32_to_f16(std::nextafter(middle, kInf)) == half + 1);
  }
  CHECK(f32_to_f16(65519.996F) == 0x7bff);
  CHECK(f32_to_f16(65520.0F) == 0x7c00);
  CHECK(f32_to_f16(-1e30F) == 0xfc00);
  CHECK(f32_to_f16(-0.0F) == 0x8000);
}

TEST_CASE("bf16 keeps the upper half, ties to even", "[tensor][quantize]") {
  CHECK(f32_to_bf16(1.0F) == 0x3f80);
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f80'8000U)) == 0x3f80);
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f81'8000U)) == 0x3f82);
  CHECK(f32_to_bf16(std::bit_cast<float>(0x3f80'8001U)) == 0x3f81);
  CHECK(f32_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7f80'0001U)))));
  CHECK(bf16_to_f32(0xc040) == -3.0F);
}

TEST_CASE("dequantize_row reads hand-made blocks", "[tensor][quantize]") {
  std::vector<float> out(32);
  ByteVector q8(34, 0);
  q8[1] = 0x38;  // d = 0.5
  q8[2] = 0x80;
  q8[3] = 0x7f;
  q8[33] = 0xff;
  dequantize_row(DType::kQ8_0, q8, out);
  CHECK(out[0] == -64.0F);
  CHECK(out[1] == 63.5F);
  CHECK(out[2] == 0.0F);
  CHECK(out[31] == -0.5F);

  ByteVector q4(18, 0x88);
  q4[0] = 0x00;
  q4[1] = 0xc0;  // d = -2
  q4[2] = 0x0f;
  dequantize_row(DType::kQ4_0, q4, out);
  CHECK(out[0] == -14.0F);
  CHECK(out[16] == 16.0F);
  CHECK(out[1] == 0.0F);

  ByteVector q41(20, 0);
  q41[1] = 0x3c;  // d = 1
  q41[3] = 0xb8;  // m = -0.5
  q41[19] = 0xf3;
  dequantize_row(DType::kQ4_1, q41, out);
  CHECK(out[0] == -0.5F);
  CHECK(out[15] == 2.5F);
  CHECK(out[31] == 14.5F);
}

constexpr DType kQuantised[] = {DType::kQ8_0, DType::kQ4_0,   DType::kQ4_1, DType::kQ5_0,
                                DType::kQ5_1, DType::kIQ4_NL, DType::kMXFP4};

TEST_CASE("quantised blocks lie within half a step of their input", "[tensor][quantize]") {
  const test::OwnedF32 x = test::random_matrix(1, 3200, 1);
  for (const DType dtype : kQuantised) {
    const std::vector<float> out = round_trip(dtype, x.values);
    for (std::size_t b = 0; b < 100; ++b) {
      float low = 0;
      float high = 0;
      float amax = 0;
      for (std::size_t k = b * 32; k < b * 32 + 32; ++k) {
        low = k == b * 32 ? x.values[k] : std::min(low, x.values[k]);
        high = k == b * 32 ? x.values[k] : std::max(high, x.values[k]);
        amax = std::max(amax, std::abs(x.values[k]));
      }
      // One whole step for Q4_0: its positive side ends at 7. The scale's f16 rounding adds 2^-11
      // of the largest value, Q4_1's minimum as much again.
      float step = amax / 127.0F * 0.5F;
      if (dtype == DType::kQ4_0) step = amax / 8.0F;
      if (dtype == DType::kQ4_1) step = (high - low) / 15.0F * 0.5F;
      if (dtype == DType::kQ5_0) step = amax / 16.0F;
      if (dtype == DType::kQ5_1) step = (high - low) / 31.0F * 0.5F;
      // Levels are unequal: the widest gaps, and what the best fit gives up at the ends.
      if (dtype == DType::kIQ4_NL) step = amax * 0.2F;
      if (dtype == DType::kMXFP4) step = amax * 0.25F;  // 7.99 becomes 6
      const float limit = step + amax * 0x1p-9F;
      for (std::size_t k = b * 32; k < b * 32 + 32; ++k) {
        CHECK(std::abs(out[k] - x.values[k]) <= limit);
      }
    }
  }
}

TEST_CASE("constant, zero and extreme blocks survive", "[tensor][quantize]") {
  for (const DType dtype : kQuantised) {
    CHECK(round_trip(dtype, block_of(0, 0)) == block_of(0, 0));
    for (const float value : round_trip(dtype, block_of(2.0F, 0))) {
      CHECK(value == Approx(2.0F).epsilon(0.01));
    }
    for (const float value : round_trip(dtype, block_of(1e-45F, 0))) CHECK(std::isfinite(value));
  }
}

TEST_CASE("a block with a non-finite value becomes NaN, its neighbours do not",
          "[tensor][quantize]") {
  for (const DType dtype : kQuantised) {
    if (dtype == DType::kMXFP4) continue;  // has no NaN
    for (const float bad : {kNan, kInf, -kInf}) {
      std::vector<float> in(64, 1.0F);
      in[40] = bad;
      const std::vector<float> out = round_trip(dtype, in);
      CHECK(std::isfinite(out[0]));
      CHECK(std::isnan(out[32]));
      CHECK(std::isnan(out[40]));
    }
  }
}

TEST_CASE("an MXFP4 block with a non-finite value becomes infinite", "[tensor][quantize]") {
  std::vector<float> in(64, 1.0F);
  in[40] = kNan;
  const std::vector<float> out = round_trip(DType::kMXFP4, in);
  CHECK(out[0] == 1.0F);
  CHECK(std::isinf(out[32]));
}

TEST_CASE("values that are levels survive", "[tensor][quantize]") {
  std::vector<float> fp4(32);
  std::vector<float> iq4(32);
  constexpr float kFp4[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  for (std::size_t k = 0; k < 32; ++k) {
    fp4[k] = kFp4[k % 8] * (k < 16 ? 0.25F : -0.25F);
    iq4[k] = 0.5F * static_cast<float>(kIq4Levels[k % 16]);
  }
  CHECK(round_trip(DType::kMXFP4, fp4) == fp4);
  CHECK(round_trip(DType::kIQ4_NL, iq4) == iq4);
}

TEST_CASE("what can be quantised is every float and block dtype", "[tensor][quantize]") {
  for (const DType dtype : kQuantised) CHECK(can_quantize(dtype));
  for (const DType dtype : {DType::kF16, DType::kQ2_K, DType::kQ4_K, DType::kQ6_K})
    CHECK(can_quantize(dtype));
  for (const DType dtype : {DType::kI8, DType::kU8, DType::kU8Affine})
    CHECK_FALSE(can_quantize(dtype));
}

TEST_CASE("float rows are copied or rounded once", "[tensor][quantize]") {
  const std::vector<float> in = {1.0F, -2.0F, 0.1F, 65504.0F};
  CHECK(round_trip(DType::kF32, in) == in);
  CHECK(round_trip(DType::kF16, in)[2] == f16_to_f32(f32_to_f16(0.1F)));
  CHECK(round_trip(DType::kBF16, in)[2] == bf16_to_f32(f32_to_bf16(0.1F)));
}

TEST_CASE("integer rows dequantise to their values", "[tensor][quantize]") {
  std::vector<float> out(2);
  dequantize_row(DType::kI8, ByteVector{0x80, 0x7f}, out);
  CHECK(out == std::vector<float>{-128, 127});
  dequantize_row(DType::kU8, ByteVector{0x80, 0xff}, out);
  CHECK(out == std::vector<float>{128, 255});
  dequantize_row(DType::kI32, ByteVector{0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0}, out);
  CHECK(out == std::vector<float>{-1, 256});
}

TEST_CASE("affine quantisation spans 0 to 255 and rounds half to even", "[tensor][quantize]") {
  const std::vector<float> in = {0.0F, 255.0F, 0.5F, 1.5F, 2.5F, 100.2F};
  ByteVector out(in.size());
  const AffineRange range = quantize_affine(in, out);
  CHECK(range.min == 0.0F);
  CHECK(range.max == 255.0F);
  CHECK(out == ByteVector{0, 255, 0, 2, 2, 100});
  std::vector<float> back(in.size());
  dequantize_affine(out, range, back);
  CHECK(back[1] == 255.0F);
  CHECK(back[3] == 2.0F / 255.0F * 255.0F);
}

TEST_CASE("affine quantisation of a constant widens its range", "[tensor][quantize]") {
  ByteVector out(3);
  const AffineRange range = quantize_affine(std::vector<float>(3, 0.25F), out);
  CHECK(range.max == 0.25F + 1e-6F);
  CHECK(out == ByteVector{0, 0, 0});
  const AffineRange wide =
      quantize_affine(std::vector<float>(3, 1e20F), out);  // too coarse to widen
  CHECK(wide.max == 1e20F);
  CHECK(out == ByteVector{0, 0, 0});
  CHECK(quantize_affine({}, {}).max == 0.0F);
}

}  // namespace pxos::tensor
