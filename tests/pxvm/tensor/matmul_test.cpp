#include "tests/pxvm/tensor/block_reference.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

using test::bits_of;
using test::OwnedF32;
using test::OwnedPacked;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// One block of 32 activations by the words of ops.hpp.
struct QuantizedBlock {
  float scale = 0;
  int q[32] = {};
};

QuantizedBlock quantize(const float* x) {
  QuantizedBlock out;
  float amax = 0;
  for (int k = 0; k < 32; ++k) {
    if (!std::isfinite(x[k])) {
      out.scale = kNan;
      return out;
    }
    amax = std::max(amax, std::abs(x[k]));
  }
  out.scale = amax / 127.0F;
  if (out.scale == 0) return out;
  for (int k = 0; k < 32; ++k) {
    const float rounded = std::nearbyint(x[k] / out.scale);
    out.q[k] = static_cast<int>(std::clamp(rounded, -127.0F, 127.0F));
  }
  return out;
}

/// y after columns [first, first + width) of one block, by the words of ops.hpp.
float add_group(float y, DType dtype, const std::uint8_t* block, unsigned first,
                const QuantizedBlock& x) {
  const unsigned width = test::group_columns(dtype);
  const test::ReferenceElement factors = test::reference_element(dtype, block, first);
  int dot = 0;
  int sum = 0;
  for (unsigned k = first; k < first + width; ++k) {
    dot += test::reference_element(dtype, block, k).level * x.q[k % 32];
    sum += x.q[k % 32];
  }
  y = std::fma(static_cast<float>(dot), factors.scale * x.scale, y);
  if (!factors.has_minimum) return y;
  return std::fma(factors.minimum, x.scale * static_cast<float>(sum), y);
}

float expected_element(const OwnedPacked& w, std::int64_t row, const float* x) {
  const DType dtype = w.tensor.dtype;
  const DTypeInfo& entry = info(dtype);
  float y = 0;
  if (entry.block_elems == 1) {
    const std::vector<float> values = w.row(row);
    for (std::int64_t k = 0; k < w.tensor.cols; ++k) {
      y = std::fma(values[static_cast<std::size_t>(k)], x[k], y);
    }
    return y;
  }
  const Bytes bytes = w.canonical_row(row);
  for (std::int64_t k = 0; k < w.tensor.cols; k += 32) {
    const QuantizedBlock a = quantize(x + k);
    const auto at = static_cast<std::size_t>(k) / entry.block_elems * entry.block_bytes;
    const unsigned start = static_cast<unsigned>(k) % entry.block_elems;
    for (unsigned first = start; first < start + 32; first += test::group_columns(dtype)) {
      y = add_group(y, dtype, bytes.data() + at, first, a);
    }
  }
  return y;
}

OwnedF32 expected_product(const OwnedPacked& w, const OwnedF32& x) {
  OwnedF32 y(x.rows, w.tensor.rows);
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t r = 0; r < w.tensor.rows; ++r) {
      y.at(t, r) = expected_element(w, r, x.values.data() + t * x.stride);
    }
  }
  return y;
}

OwnedF32 product(OpContext& ctx, const OwnedPacked& w, const OwnedF32& x) {
  OwnedF32 y(x.rows, w.tensor.rows);
  const MatmulTarget target{&w.tensor, y.view()};
  REQUIRE(matmul(ctx, x.view(), {&target, 1}));
  return y;
}

void check_all_variants(const OwnedPacked& w, const OwnedF32& x) {
  const auto expected = bits_of(expected_product(w, x).values);
  for (const test::Variant& variant : test::all_variants()) {
    INFO(variant.name() << ' ' << info(w.tensor.dtype).text << " T=" << x.rows);
    test::with_context(
        variant, [&](OpContext& ctx) { CHECK(bits_of(product(ctx, w, x).values) == expected); });
  }
}

constexpr DType kWeightTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16,   DType::kU8Affine,
                                  DType::kQ8_0, DType::kQ4_0, DType::kQ4_1,   DType::kQ5_0,
                                  DType::kQ5_1, DType::kQ2_K, DType::kQ3_K,   DType::kQ4_K,
                                  DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kMXFP4};

/// About `cols` columns in whole units.
std::int64_t whole_units(DType dtype, std::int64_t cols) {
  const std::int64_t unit = info(dtype).unit_cols;
  return (cols + unit - 1) / unit * unit;
};

}  // namespace

TEST_CASE("matmul gives the documented bits for every dtype, kernel set and thread count",
          "[tensor][matmul]") {
  for (const DType dtype : kWeightTypes) {
    const std::int64_t cols = whole_units(dtype, 96);
    const OwnedPacked w = test::pack_matrix(dtype, test::random_matrix(53, cols, 7));
    for (const std::int64_t tokens : {1, 2, 3, 5, 8, 9, 21}) {
      check_all_variants(w, test::random_matrix(tokens, cols, 11));
    }
  }
}

TEST_CASE("matmul keeps its bits when columns fill several cache slices", "[tensor][matmul]") {
  for (const DType dtype : kWeightTypes) {
    const OwnedPacked w = test::pack_matrix(dtype, test::random_matrix(37, 2304, 13));
    for (const std::int64_t tokens : {1, 7}) {
      const OwnedF32 x = test::random_matrix(tokens, 2304, 14);
      const auto expected = bits_of(expected_product(w, x).values);
      for (const KernelTable* kernels : available_kernels()) {
        INFO(kernels->name << ' ' << info(dtype).text << " T=" << tokens);
        test::with_context({kernels, 2}, [&](OpContext& ctx) {
          CHECK(bits_of(product(ctx, w, x).values) == expected);
        });
      }
    }
  }
}

TEST_CASE("matmul does not depend on where units lie", "[tensor][matmul]") {
  for (const DType dtype : kWeightTypes) {
    const std::int64_t cols = whole_units(dtype, 160);
    const OwnedF32 values = test::random_matrix(70, cols, 3);
    const OwnedF32 x = test::random_matrix(13, cols, 4);
    const OwnedPacked plain = test::pack_matrix(dtype, values);
    const auto expected = bits_of(expected_product(plain, x).values);
    for (const test::Layout& layout :
         {test::Layout{1, 5, 0}, test::Layout{3, 18, 2}, test::Layout{7, 1, 1}}) {
      const OwnedPacked scattered = test::pack_matrix(dtype, values, layout);
      for (const KernelTable* kernels : available_kernels()) {
        test::with_context({kernels, 2}, [&](OpContext& ctx) {
          CHECK(bits_of(product(ctx, scattered, x).values) == expected);
        });
      }
    }
  }
}

TEST_CASE("matmul splits batches without changing a bit", "[tensor][matmul]") {
  for (const DType dtype : kWeightTypes) {
    const std::int64_t cols = whole_units(dtype, 320);
    const OwnedF32 x = test::random_matrix(40, cols, 5);
    const OwnedPacked w = test::pack_matrix(dtype, test::random_matrix(48, cols, 6));
    for (const KernelTable* kernels : available_kernels()) {
      test::with_context({kernels, 3}, [&](OpContext& ctx) {
        const OwnedF32 whole = product(ctx, w, x);
        OwnedF32 pieces(40, 48);
        std::int64_t done = 0;
        for (const std::int64_t count : {1, 7, 20, 12}) {
          const ConstMatF32 part{x.values.data() + done * x.stride, count, x.cols, x.stride};
          const MatmulTarget target{&w.tensor, {&pieces.at(done, 0), count, 48, 48}};
          REQUIRE(matmul(ctx, part, {&target, 1}));
          done += count;
        }
        REQUIRE(done == 40);
        CHECK(bits_of(pieces.values) == bits_of(whole.values));
      });
    }
  }
}

TEST_CASE("matmul of extreme weights and activations stays exact", "[tensor][matmul]") {
  // All products at their largest: AVX2's 16-bit pair sums must not saturate.
  for (const DType dtype : test::block_types()) {
    const std::uint32_t block = info(dtype).block_bytes;
    const std::int64_t cols = 2 * std::int64_t{info(dtype).block_elems};
    std::vector<std::uint8_t> canonical(std::size_t{16} * 2 * block);
    for (std::size_t i = 0; i < canonical.size(); ++i) {
      const std::uint8_t quants[] = {0x80, 0xFF, 0x7F, 0x00, 0x81, 0xF0, 0x0F, 0x88};
      canonical[i] = quants[i / (2 * block) % 8];
    }
    for (std::size_t b = 0; b < 32; ++b) test::set_factors(dtype, canonical.data() + b * block);
    const OwnedPacked w = test::pack_canonical(dtype, 16, cols, canonical);
    OwnedF32 x(3, cols);
    for (std::int64_t k = 0; k < cols; ++k) {
      x.at(0, k) = 5.0F;
      x.at(1, k) = -5.0F;
      x.at(2, k) = k % 2 == 0 ? 5.0F : -5.0F;
    }
    check_all_variants(w, x);
  }
}

TEST_CASE("matmul poisons rows that see a non-finite block and no others", "[tensor][matmul]") {
  for (const DType dtype : kWeightTypes) {
    const std::int64_t cols = whole_units(dtype, 64);
    OwnedF32 x = test::random_matrix(4, cols, 9);
    x.at(1, 3) = kNan;
    x.at(2, 40) = -kInf;
    const OwnedPacked w = test::pack_matrix(dtype, test::random_matrix(20, cols, 10));
    check_all_variants(w, x);
    test::with_context({available_kernels().back(), 1}, [&](OpContext& ctx) {
      const OwnedF32 y = product(ctx, w, x);
      CHECK(std::isfinite(y.at(0, 5)));
      CHECK(std::isnan(y.at(1, 5)));
      CHECK_FALSE(std::isfinite(y.at(2, 5)));
      CHECK(std::isfinite(y.at(3, 5)));
    });
  }
}

TEST_CASE("matmul handles zero and denormal activation blocks", "[tensor][matmul]") {
  for (const DType dtype : kWeightTypes) {
    const std::int64_t cols = whole_units(dtype, 64);
    OwnedF32 x(3, cols);
    for (std::int64_t k = 32; k < 64; ++k) x.at(1, k) = k % 2 == 0 ? 0x1p-149F * 190 : -0x1p-149F;
    for (std::int64_t k = 0; k < 32; ++k) x.at(2, k) = 0x1p-149F;
    check_all_variants(test::pack_matrix(dtype, test::random_matrix(16, cols, 12)), x);
  }
}

TEST_CASE("matmul writes several targets and nothing beside them", "[tensor][matmul]") {
  const OwnedF32 x = test::random_matrix(9, 64, 20);
  const OwnedPacked a = test::pack_matrix(DType::kQ8_0, test::random_matrix(33, 64, 21));
  const OwnedPacked b = test::pack_matrix(DType::kF16, test::random_matrix(5, 64, 22));
  const OwnedPacked c = test::pack_matrix(DType::kQ4_1, test::random_matrix(64, 64, 23));
  for (const test::Variant& variant : test::all_variants()) {
    test::with_context(variant, [&](OpContext& ctx) {
      OwnedF32 all(9, 104, 110);  // the three results side by side, then a border
      std::fill(all.values.begin(), all.values.end(), 77.0F);
      const MatmulTarget targets[] = {{&a.tensor, {&all.at(0, 0), 9, 33, 110}},
                                      {&b.tensor, {&all.at(0, 33), 9, 5, 110}},
                                      {&c.tensor, {&all.at(0, 38), 9, 64, 110}}};
      REQUIRE(matmul(ctx, x.view(), targets));
      const OwnedF32 ya = expected_product(a, x);
      const OwnedF32 yb = expected_product(b, x);
      const OwnedF32 yc = expected_product(c, x);
      std::int64_t wrong = 0;
      for (std::int64_t t = 0; t < 9; ++t) {
        for (std::int64_t i = 0; i < 110; ++i) {
          if (t == 8 && i >= 104) continue;
          float expected = 77.0F;
          if (i < 33) expected = ya.at(t, i);
          if (i >= 33 && i < 38) expected = yb.at(t, i - 33);
          if (i >= 38 && i < 102) expected = yc.at(t, i - 38);
          if (bits_of(all.values[static_cast<std::size_t>(t * 110 + i)]) != bits_of(expected)) {
            ++wrong;
          }
        }
      }
      CHECK(wrong == 0);
    });
  }
}

TEST_CASE("matmul accepts float columns that do not fill a unit", "[tensor][matmul]") {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kU8Affine}) {
    const OwnedPacked w = test::pack_matrix(dtype, test::random_matrix(19, 45, 30), {2, 3, 1});
    check_all_variants(w, test::random_matrix(1, 45, 31));
    check_all_variants(w, test::random_matrix(10, 45, 32));
  }
}

TEST_CASE("matmul returns false when stopped", "[tensor][matmul]") {
  const OwnedPacked w = test::pack_matrix(DType::kQ8_0, test::random_matrix(16, 32, 1));
  const OwnedF32 x = test::random_matrix(1, 32, 2);
  OwnedF32 y(1, 16);
  ThreadPool pool(2);
  Scratch scratch;
  const std::atomic<bool> stop{true};
  OpContext ctx{*available_kernels().back(), pool, scratch, stop};
  const MatmulTarget target{&w.tensor, y.view()};
  CHECK_FALSE(matmul(ctx, x.view(), {&target, 1}));
}

}  // namespace pxos::tensor
