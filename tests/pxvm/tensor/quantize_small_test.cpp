// The reference rounding of the formats with one scale, stated once more; and what importance does.

#include "pxvm/tensor/quantize.hpp"
#include "pxvm/tensor/quantize_block.hpp"
#include "tests/pxvm/tensor/block_reference.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

using Block = std::vector<float>;

/// Blocks of random values of many sizes; every fourth has ties, every eighth one large value.
std::vector<Block> blocks() {
  std::vector<Block> out;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    Block block = test::random_matrix(1, 32, seed).values;
    const float size = std::ldexp(1.0F, static_cast<int>(seed % 24) - 14);
    for (float& x : block) x = seed % 4 == 0 ? std::round(x * 8) / 8 : x * size;
    if (seed % 8 == 1) block[seed % 32] *= 40;
    out.push_back(block);
  }
  return out;
}

/// The integer levels a block's bytes hold.
std::vector<int> levels_of(DType dtype, const ByteVector& block) {
  std::vector<int> out;
  for (unsigned k = 0; k < 32; ++k)
    out.push_back(test::reference_element(dtype, block.data(), k).level);
  return out;
}

ByteVector quantized(DType dtype, const Block& in, std::span<const float> importance = {}) {
  ByteVector row(info(dtype).block_bytes * in.size() / 32);
  quantize_row(dtype, in, row, importance);
  return row;
}

std::uint16_t word(const ByteVector& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8);
}

float extreme(const Block& block) {
  float out = 0;
  for (const float x : block)
    if (std::fabs(x) > std::fabs(out)) out = x;
  return out;
}

double square_error(DType dtype, const Block& in, const ByteVector& row,
                    std::span<const float> weight = {}) {
  std::vector<float> out(in.size());
  dequantize_row(dtype, row, out);
  double sum = 0;
  for (std::size_t k = 0; k < in.size(); ++k) {
    const double d = static_cast<double>(out[k]) - static_cast<double>(in[k]);
    sum += d * d * (weight.empty() ? 1.0 : static_cast<double>(weight[k]));
  }
  return sum;
}

}  // namespace

TEST_CASE("Q8_0 rounds to the nearest 127th, halves away from zero", "[tensor][quantize]") {
  for (const Block& block : blocks()) {
    const ByteVector row = quantized(DType::kQ8_0, block);
    const float d = std::fabs(extreme(block)) / 127;
    const float id = d != 0 ? 1 / d : 0;
    CHECK(word(row, 0) == f32_to_f16(d));
    for (std::size_t k = 0; k < 32; ++k)
      REQUIRE(static_cast<int>(std::lround(block[k] * id)) == static_cast<std::int8_t>(row[2 + k]));
  }
  Block halves(32, 0.0F);
  halves[0] = 127;
  halves[1] = 2.5F;
  halves[2] = -2.5F;
  CHECK(levels_of(DType::kQ8_0, quantized(DType::kQ8_0, halves))[1] == 3);
  CHECK(levels_of(DType::kQ8_0, quantized(DType::kQ8_0, halves))[2] == -3);
}

TEST_CASE("Q4_0 and Q5_0 put the extreme value at the lowest level", "[tensor][quantize]") {
  for (const DType dtype : {DType::kQ4_0, DType::kQ5_0}) {
    const int zero = dtype == DType::kQ4_0 ? 8 : 16;
    for (const Block& block : blocks()) {
      const ByteVector row = quantized(dtype, block);
      const float d = extreme(block) / static_cast<float>(-zero);
      const float id = d != 0 ? 1 / d : 0;
      CHECK(word(row, 0) == f32_to_f16(d));
      const std::vector<int> levels = levels_of(dtype, row);
      for (std::size_t k = 0; k < 32; ++k) {
        const int code = static_cast<int>(block[k] * id + static_cast<float>(zero) + 0.5F);
        REQUIRE(levels[k] == std::min(code, 2 * zero - 1) - zero);
      }
    }
  }
}

TEST_CASE("Q4_1 and Q5_1 divide what lies between the extremes", "[tensor][quantize]") {
  for (const DType dtype : {DType::kQ4_1, DType::kQ5_1}) {
    const int top = dtype == DType::kQ4_1 ? 15 : 31;
    for (const Block& block : blocks()) {
      const ByteVector row = quantized(dtype, block);
      const float low = *std::min_element(block.begin(), block.end());
      const float d =
          (*std::max_element(block.begin(), block.end()) - low) / static_cast<float>(top);
      const float id = d != 0 ? 1 / d : 0;
      CHECK(word(row, 0) == f32_to_f16(d));
      CHECK(word(row, 2) == f32_to_f16(low));
      const std::vector<int> levels = levels_of(dtype, row);
      for (std::size_t k = 0; k < 32; ++k)
        REQUIRE(levels[k] == std::min(static_cast<int>((block[k] - low) * id + 0.5F), top));
    }
  }
}

TEST_CASE("IQ4_NL errs less than the extreme value at the outermost level", "[tensor][quantize]") {
  double fitted = 0;
  double plain = 0;
  for (const Block& block : blocks()) {
    std::vector<float> squares;
    for (const float x : block) squares.push_back(x * x / (extreme(block) * extreme(block)));
    fitted += square_error(DType::kIQ4_NL, block, quantized(DType::kIQ4_NL, block), squares);
    for (std::size_t k = 0; k < 32; ++k) {
      const double d = static_cast<double>(extreme(block)) / kIq4Levels[0];
      double least = 1e300;
      for (const std::int8_t level : kIq4Levels)
        least = std::min(least, std::pow(d * level - static_cast<double>(block[k]), 2));
      plain += least * static_cast<double>(squares[k]);
    }
  }
  CHECK(fitted < plain);
}

TEST_CASE("what is important errs less", "[tensor][quantize]") {
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kIQ4_NL,
                            DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K}) {
    INFO(info(dtype).text);
    const Block in = test::random_matrix(1, 2048, 9).values;
    std::vector<float> importance(in.size(), 0.01F);
    for (std::size_t k = 0; k < in.size(); k += 5) importance[k] = 10;
    ByteVector plain(row_bytes(dtype, in.size()).value());
    ByteVector weighted(plain.size());
    quantize_row(dtype, in, plain);
    quantize_row(dtype, in, weighted, importance);
    CHECK(square_error(dtype, in, weighted, importance) <
          0.9 * square_error(dtype, in, plain, importance));
  }
}

TEST_CASE("importance that says nothing is none", "[tensor][quantize]") {
  const Block in = test::random_matrix(1, 256, 5).values;
  std::vector<float> out(256);
  const auto sum_of_ones = [&](const std::vector<float>& importance) {
    column_weights(in.data(), importance.data(), 256, out.data());
    return std::all_of(out.begin(), out.end(), [](float w) { return w == 1; });
  };
  CHECK(sum_of_ones(std::vector<float>(256, 0.0F)));
  CHECK(sum_of_ones(std::vector<float>(256, 3e38F)));
  CHECK_FALSE(sum_of_ones(std::vector<float>(256, 2.0F)));
  std::vector<float> one(256, 0.0F);
  one[7] = 1;
  column_weights(in.data(), one.data(), 256, out.data());
  for (const float w : out) CHECK(w > 0);
}

}  // namespace pxos::tensor
