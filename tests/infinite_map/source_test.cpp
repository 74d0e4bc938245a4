#include "infinite_map/source.hpp"

#include "pxvm/base/rng.hpp"
#include "pxvm/tensor/pack.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <vector>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;
using tensor::DType;

namespace {

std::vector<float> sample(const RegionSource& source, std::int64_t y,
                          std::vector<std::int64_t> xs) {
  std::vector<float> out(xs.size(), -1);
  source.values({y, xs}, out);
  return out;
}

std::vector<float> ramp(std::size_t n) {
  std::vector<float> out(n);
  CounterRng rng(5);
  for (float& v : out) v = rng.next_unit_f32() * 2 - 1;
  return out;
}

}  // namespace

TEST_CASE("live matrices show their elements through stride, zero outside", "[map]") {
  std::vector<float> memory = ramp(40);
  const RegionSource source = f32_source({memory.data(), 4, 7, 10});
  REQUIRE(sample(source, 2, {0, 6, 7, 100}) == std::vector<float>{memory[20], memory[26], 0, 0});
  REQUIRE(sample(source, 4, {0}) == std::vector<float>{0});
  memory[20] = 42;
  REQUIRE(sample(source, 2, {0}) == std::vector<float>{42});
  std::vector<std::uint16_t> halves{tensor::f32_to_f16(1.5F), tensor::f32_to_f16(-2)};
  REQUIRE(sample(f16_source({halves.data(), 1, 2, 2}), 0, {0, 1}) == std::vector<float>{1.5F, -2});
}

TEST_CASE("packed weights show their dequantised values, for every dtype", "[map]") {
  constexpr std::uint64_t kRows = 40;
  constexpr std::uint64_t kCols = 96;
  const std::vector<float> values = ramp(kRows * kCols);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                            DType::kQ4_1, DType::kQ5_1, DType::kIQ4_NL, DType::kU8Affine}) {
    const tensor::DTypeInfo& info = tensor::info(dtype);
    const std::uint64_t row_bytes = *tensor::row_bytes(dtype, kCols);
    ByteVector rows(row_bytes * kRows);
    std::vector<float> expected(values.size());
    tensor::PackedTensor packed;
    for (std::uint64_t r = 0; r < kRows; ++r) {
      const MutBytes row = MutBytes(rows).subspan(r * row_bytes, row_bytes);
      const std::span<float> want = std::span(expected).subspan(r * kCols, kCols);
      if (dtype == DType::kU8Affine) {
        for (std::uint64_t c = 0; c < kCols; ++c) row[c] = static_cast<std::uint8_t>(r * 7 + c);
        packed.affine_min = -1;
        packed.affine_max = 2;
        tensor::dequantize_affine(row, {-1, 2}, want);
      } else {
        tensor::quantize_row(dtype, std::span(values).subspan(r * kCols, kCols), row);
        tensor::dequantize_row(dtype, row, want);
      }
    }
    packed.dtype = dtype;
    packed.rows = kRows;
    packed.cols = kCols;
    packed.units_per_group = 3;
    ByteVector units(std::size_t{3} * 3 * info.unit_bytes);
    for (std::uint64_t g = 0; g < 3; ++g) {
      const std::uint64_t count = std::min<std::uint64_t>(16, kRows - 16 * g);
      tensor::pack_row_group(
          dtype, Bytes(rows).subspan(16 * g * row_bytes, count * row_bytes), row_bytes,
          static_cast<std::uint32_t>(count), kCols,
          MutBytes(units).subspan(g * 3 * info.unit_bytes, std::size_t{3} * info.unit_bytes));
    }
    packed.segments = {{units.data(), 6 * std::uint64_t{info.unit_bytes}, 6, 0, 2},
                       {units.data() + std::size_t{6} * info.unit_bytes, 0, 3, 0, 1}};
    const RegionSource source = packed_source(packed);
    REQUIRE(source.scale > 0);
    for (const std::int64_t y : {0, 15, 16, 33, 39}) {
      std::vector<std::int64_t> xs{0, 1, 31, 32, 64, 95};
      std::vector<float> want;
      for (const std::int64_t x : xs)
        want.push_back(expected[static_cast<std::size_t>(y) * kCols + static_cast<std::size_t>(x)]);
      INFO(info.text << " row " << y);
      REQUIRE(sample(source, y, xs) == want);
    }
    REQUIRE(sample(source, 40, {0, 96}) == std::vector<float>{0, 0});
  }
}

TEST_CASE("super-blocks show their dequantised values", "[map]") {
  constexpr std::size_t kBytes = 144;  // of a q4_k block
  ByteVector rows(16 * kBytes);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint8_t>(i * 37 % 60);
  ByteVector unit(16 * kBytes);
  tensor::pack_row_group(DType::kQ4_K, rows, kBytes, 16, 256, unit);
  tensor::PackedTensor packed;
  packed.dtype = DType::kQ4_K;
  packed.rows = 16;
  packed.cols = 256;
  packed.units_per_group = 1;
  packed.segments = {{unit.data(), 0, 1, 0, 1}};
  std::vector<float> values(256);
  tensor::dequantize_row(DType::kQ4_K, Bytes(rows).subspan(9 * kBytes, kBytes), values);
  REQUIRE(sample(packed_source(packed), 9, {0, 31, 255}) ==
          std::vector<float>{values[0], values[31], values[255]});
}

TEST_CASE("colour sources give pixels, transparent outside", "[map]") {
  ByteVector rgba{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<Rgba> out(3);
  const std::vector<std::int64_t> xs{0, 1, 2};
  rgba_source(rgba, 2, 1).colors({0, xs}, out);
  REQUIRE(out == std::vector<Rgba>{{1, 2, 3, 4}, {5, 6, 7, 8}, {0, 0, 0, 0}});
  image_source({2, 1, 3, {9, 8, 7, 6, 5, 4}}).colors({0, xs}, out);
  REQUIRE(out == std::vector<Rgba>{{9, 8, 7, 255}, {6, 5, 4, 255}, {0, 0, 0, 0}});
  image_source({3, 1, 1, {1, 2, 3}}).colors({0, xs}, out);
  REQUIRE(out[2] == Rgba{3, 3, 3, 255});
}

TEST_CASE("a vector is wrapped into rows", "[map]") {
  const std::vector<float> values{1, 2, 3, 4, 5};
  REQUIRE(sample(vector_source(values, 3), 1, {0, 1, 2}) == std::vector<float>{4, 5, 0});
}
