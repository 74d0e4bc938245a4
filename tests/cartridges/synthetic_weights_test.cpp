#include "cartridges/synthetic_weights.hpp"

#include "pxvm/tensor/quantize.hpp"

#include <cmath>

#include <catch2/catch.hpp>

using pxos::ByteVector;
using pxos::cartridges::synthetic_matrix;
using pxos::cartridges::synthetic_vector;
using pxos::tensor::DType;

namespace {

/// Every type that a matrix can have; ranges of affine types are per tensor and have no rule.
std::vector<DType> matrix_dtypes() {
  std::vector<DType> out;
  for (std::uint32_t code = 0; code < 256; ++code) {
    const auto dtype = pxos::tensor::dtype_from_code(code);
    if (dtype && pxos::tensor::info(*dtype).unit_bytes != 0 && *dtype != DType::kU8Affine)
      out.push_back(*dtype);
  }
  return out;
}

}  // namespace

TEST_CASE("Values of every dtype spread by 1 / sqrt(columns) around zero", "[synthetic]") {
  constexpr std::int64_t kRows = 40, kCols = 1024;
  for (const DType dtype : matrix_dtypes()) {
    INFO(pxos::tensor::info(dtype).text);
    const auto input = synthetic_matrix("w", dtype, {kRows, kCols});
    REQUIRE(input);
    const std::uint64_t row = pxos::tensor::row_bytes(dtype, kCols).value();
    std::vector<float> values(kCols);
    double sum = 0, squares = 0;
    for (std::uint64_t r = 0; r < kRows; ++r) {
      ByteVector bytes(row);
      REQUIRE(input->read_canonical(r * row, bytes));
      pxos::tensor::dequantize_row(dtype, bytes, values);
      for (const float v : values) {
        REQUIRE(std::isfinite(v));
        sum += static_cast<double>(v);
        squares += static_cast<double>(v) * static_cast<double>(v);
      }
    }
    constexpr double kCount = kRows * kCols;
    const double expected = 1 / std::sqrt(double{kCols});
    const double mean = sum / kCount;
    CHECK(std::abs(mean) < 0.15 * expected);
    // Powers of two as scales hit within a factor of two only.
    CHECK(std::sqrt(squares / kCount) > 0.5 * expected);
    CHECK(std::sqrt(squares / kCount) < 1.6 * expected);
  }
}

TEST_CASE("Any piece of a tensor is that piece of the whole", "[synthetic]") {
  for (const DType dtype : matrix_dtypes()) {
    const auto input = synthetic_matrix("w", dtype, {3, 512});
    REQUIRE(input);
    ByteVector whole(3 * pxos::tensor::row_bytes(dtype, 512).value());
    REQUIRE(input->read_canonical(0, whole));
    for (std::size_t offset = 0; offset < whole.size(); offset += 37) {
      ByteVector piece(std::min<std::size_t>(101, whole.size() - offset));
      REQUIRE(input->read_canonical(offset, piece));
      REQUIRE(std::equal(piece.begin(), piece.end(),
                         whole.begin() + static_cast<std::ptrdiff_t>(offset)));
    }
  }
}

TEST_CASE("Gains are one, biases are not, and names give different numbers", "[synthetic]") {
  const auto read = [](const pxos::pixelfs::TensorInput& input) {
    ByteVector bytes(64 * 4);
    REQUIRE(input.read_canonical(0, bytes));
    std::vector<float> values(64);
    pxos::tensor::dequantize_row(DType::kF32, bytes, values);
    return values;
  };
  CHECK(read(synthetic_vector("blk.0.attn_norm.weight", 64)) == std::vector<float>(64, 1.0F));
  const auto bias = read(synthetic_vector("blk.0.attn_q.bias", 64));
  CHECK(bias != read(synthetic_vector("blk.1.attn_q.bias", 64)));
  for (const float v : bias) CHECK(std::abs(v) < 1.0F);
}

TEST_CASE("Columns that do not fill a block are refused", "[synthetic]") {
  CHECK_FALSE(synthetic_matrix("w", DType::kQ8_0, {4, 33}));
  CHECK_FALSE(synthetic_matrix("w", DType::kU8Affine, {4, 32}));
}
