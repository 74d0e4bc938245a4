// Quantisers of super-blocks: no oracle defines their bytes, so what is tested is how far the
// values are off, against the plain rounding that every format allows.

#include "pxvm/tensor/quantize.hpp"
#include "pxvm/tensor/quantize_block.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

constexpr std::size_t kColumns = 256;
constexpr DType kTypes[] = {DType::kQ6_K, DType::kQ5_K, DType::kQ4_K, DType::kQ3_K, DType::kQ2_K};

std::vector<float> round_trip(DType dtype, const std::vector<float>& in) {
  ByteVector row(row_bytes(dtype, in.size()).value());
  quantize_row(dtype, in, row);
  std::vector<float> out(in.size());
  dequantize_row(dtype, row, out);
  return out;
}

/// Like rows of weights: normal, some columns ten times larger, sizes from block to block.
std::vector<float> weights_like(std::uint32_t seed) {
  std::vector<float> out = test::random_matrix(1, kColumns, seed).values;
  for (std::size_t k = seed % 7; k < kColumns; k += 61) out[k] *= 10;
  for (float& x : out) x *= std::ldexp(0.02F, static_cast<int>(seed % 5));
  return out;
}

double weighted_error(const std::vector<float>& in, const std::vector<float>& out) {
  std::vector<float> weight(in.size());
  column_weights(in.data(), nullptr, in.size(), weight.data());
  double sum = 0;
  for (std::size_t k = 0; k < in.size(); ++k) {
    const double d = static_cast<double>(out[k]) - static_cast<double>(in[k]);
    sum += d * d * static_cast<double>(weight[k]);
  }
  return sum;
}

/// Each group between its extremes (0 included), with exact scales: what a plain quantiser does,
/// before its scales are rounded too.
std::vector<float> plain(DType dtype, const std::vector<float>& in) {
  const BlockSpec& spec = *block_spec(dtype);
  std::vector<float> out(in.size());
  for (std::size_t g = 0; g < in.size(); g += spec.group) {
    const auto first = in.begin() + static_cast<std::ptrdiff_t>(g);
    const auto [low, high] = std::minmax_element(first, first + spec.group);
    const float offset = spec.has_min ? std::min(*low, 0.0F) : 0.0F;
    const int codes = 1 << (spec.low_bits + spec.high_bits);
    const float reach = std::max(-*low, *high);
    const float scale = spec.has_min ? (*high - offset) / static_cast<float>(codes - 1)
                                     : reach / static_cast<float>(codes / 2 - 1);
    for (std::size_t k = g; k < g + spec.group; ++k)
      out[k] = scale == 0 ? offset : scale * std::round((in[k] - offset) / scale) + offset;
  }
  return out;
}

}  // namespace

TEST_CASE("K quantisers err less than rounding between the extremes", "[tensor][quantize]") {
  for (const DType dtype : kTypes) {
    INFO(info(dtype).text);
    double fitted = 0;
    double reference = 0;
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
      const std::vector<float> in = weights_like(seed);
      fitted += weighted_error(in, round_trip(dtype, in));
      reference += weighted_error(in, plain(dtype, in));
    }
    // Although the reference rounds no scale.
    CHECK(fitted < reference);
  }
}

TEST_CASE("more bits err less", "[tensor][quantize]") {
  double before = 0;
  for (const DType dtype : kTypes) {
    double sum = 0;
    for (std::uint32_t seed = 0; seed < 50; ++seed) {
      const std::vector<float> in = weights_like(seed);
      sum += weighted_error(in, round_trip(dtype, in));
    }
    // A bit less is up to four times the square error.
    CHECK(sum > 1.5 * before);
    before = sum;
  }
}

TEST_CASE("zero, constant and tiny blocks survive", "[tensor][quantize]") {
  for (const DType dtype : kTypes) {
    INFO(info(dtype).text);
    const std::vector<float> zero(kColumns, 0.0F);
    CHECK(round_trip(dtype, zero) == zero);
    for (const float value : {2.0F, -2.0F}) {
      for (const float x : round_trip(dtype, std::vector<float>(kColumns, value)))
        CHECK(x == Approx(value).epsilon(0.01));
    }
    for (const float x : round_trip(dtype, std::vector<float>(kColumns, 1e-45F)))
      CHECK(std::abs(x) <= 1e-6F);
    std::vector<float> one = zero;
    one[77] = -3;
    const std::vector<float> out = round_trip(dtype, one);
    CHECK(out[77] == Approx(-3).epsilon(0.01));
    CHECK(out[200] == 0);
  }
}

TEST_CASE("a block with a non-finite value becomes NaN, its neighbour does not",
          "[tensor][quantize]") {
  for (const DType dtype : kTypes) {
    std::vector<float> in(2 * kColumns, 1.0F);
    in[300] = std::numeric_limits<float>::infinity();
    const std::vector<float> out = round_trip(dtype, in);
    CHECK(out[0] == Approx(1).epsilon(0.01));
    for (std::size_t k = kColumns; k < in.size(); ++k) CHECK(std::isnan(out[k]));
  }
}

}  // namespace pxos::tensor
