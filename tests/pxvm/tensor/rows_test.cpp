#include "pxvm/tensor/quantize.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

using test::bits_of;
using test::OwnedF32;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// Lanes i mod 16 in ascending i, folded 8-4-2-1.
template <class Step>
float sum_in_lanes(std::int64_t n, Step step) {
  float lane[16] = {};
  for (std::int64_t i = 0; i < n; ++i) lane[i % 16] = step(i, lane[i % 16]);
  for (int width = 8; width != 0; width /= 2) {
    for (int i = 0; i < width; ++i) lane[i] = lane[i] + lane[i + width];
  }
  return lane[0];
}

/// Runs `operation` into a fresh matrix on every variant and compares bits with `expected`.
void check_bits(const OwnedF32& expected,
                const std::function<bool(OpContext&, MatF32)>& operation) {
  for (const test::Variant& variant : test::all_variants()) {
    INFO(variant.name() << ' ' << expected.rows << " x " << expected.cols);
    test::with_context(variant, [&](OpContext& ctx) {
      OwnedF32 out(expected.rows, expected.cols);
      REQUIRE(operation(ctx, out.view()));
      CHECK(bits_of(out.values) == bits_of(expected.values));
    });
  }
}

/// Same bits everywhere, returned.
OwnedF32 same_everywhere(std::int64_t rows, std::int64_t cols,
                         const std::function<bool(OpContext&, MatF32)>& operation) {
  OwnedF32 first(rows, cols);
  test::with_context(test::all_variants().front(),
                     [&](OpContext& ctx) { REQUIRE(operation(ctx, first.view())); });
  check_bits(first, operation);
  return first;
}

/// Distance in units of the last place of the correctly rounded result.
double ulps(float found, double exact) {
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || rounded == 0) return found == rounded ? 0 : 1e9;
  int exponent = 0;
  std::frexp(rounded, &exponent);
  return std::abs(static_cast<double>(found) - exact) /
         std::ldexp(1.0, std::max(exponent - 24, -149));
}

const std::vector<std::int64_t> kWidths = {1, 5, 15, 16, 17, 33, 128, 577};

template <class Function>
OwnedF32 map(const OwnedF32& x, Function function) {
  OwnedF32 out(x.rows, x.cols);
  for (std::int64_t r = 0; r < x.rows; ++r) {
    for (std::int64_t c = 0; c < x.cols; ++c) out.at(r, c) = function(r, c);
  }
  return out;
}

/// A row of every kind of number.
OwnedF32 specials() {
  OwnedF32 x(1, 19);
  x.values = {0.0F,   -0.0F, 1.0F,  -1.0F,  kInf,    -kInf,   kNan,  1e-45F,   -1e-45F, 3e38F,
              -3e38F, 88.7F, 88.8F, -87.5F, -103.9F, -104.5F, 0.55F, -0.5499F, 20.0F};
  return x;
}

}  // namespace

TEST_CASE("rmsnorm follows its documented order", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 x = test::random_matrix(3, n, 1);
    const OwnedF32 w = test::random_matrix(1, n, 2);
    OwnedF32 expected(3, n);
    for (std::int64_t r = 0; r < 3; ++r) {
      const float squares = sum_in_lanes(
          n, [&](std::int64_t i, float s) { return std::fma(x.at(r, i), x.at(r, i), s); });
      const float inverse = 1.0F / std::sqrt(squares / static_cast<float>(n) + 1e-5F);
      for (std::int64_t i = 0; i < n; ++i) expected.at(r, i) = x.at(r, i) * inverse * w.at(0, i);
    }
    check_bits(expected, [&](OpContext& ctx, MatF32 out) {
      return rmsnorm(ctx, x.view(), w.values, 1e-5F, out);
    });
    check_bits(expected, [&](OpContext& ctx, MatF32 out) {  // in place
      std::copy(x.values.begin(), x.values.end(), out.data);
      return rmsnorm(ctx, {out.data, 3, n, n}, w.values, 1e-5F, out);
    });
  }
}

TEST_CASE("element-wise operations are one rounding each", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 a = test::random_matrix(17, n, 3);
    const OwnedF32 b = test::random_matrix(17, n, 4);
    check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) + b.at(r, c); }),
               [&](OpContext& ctx, MatF32 out) { return add(ctx, a.view(), b.view(), out); });
    check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) * b.at(r, c); }),
               [&](OpContext& ctx, MatF32 out) { return mul(ctx, a.view(), b.view(), out); });
    check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) * 0.3F; }),
               [&](OpContext& ctx, MatF32 out) { return scale(ctx, a.view(), 0.3F, out); });
    const std::span<const float> row(b.values.data(), static_cast<std::size_t>(n));
    check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) + b.at(0, c); }),
               [&](OpContext& ctx, MatF32 out) { return add_row(ctx, a.view(), row, out); });
    check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) > 0 ? a.at(r, c) : 0.0F; }),
               [&](OpContext& ctx, MatF32 out) { return relu(ctx, a.view(), out); });
  }
}

TEST_CASE("relu keeps NaN and clears what is negative", "[tensor][rows]") {
  const OwnedF32 x = specials();
  const OwnedF32 out =
      same_everywhere(1, 19, [&](OpContext& ctx, MatF32 y) { return relu(ctx, x.view(), y); });
  for (std::int64_t i = 0; i < 19; ++i) {
    if (std::isnan(x.at(0, i))) {
      CHECK(std::isnan(out.at(0, i)));
    } else {
      CHECK(out.at(0, i) == std::max(x.at(0, i), 0.0F));
    }
  }
}

TEST_CASE("operations leave what lies beside a strided destination", "[tensor][rows]") {
  const OwnedF32 a = test::random_matrix(4, 21, 5);
  for (const test::Variant& variant : test::all_variants()) {
    test::with_context(variant, [&](OpContext& ctx) {
      OwnedF32 out(4, 21, 24);
      std::fill(out.values.begin(), out.values.end(), 9.0F);
      REQUIRE(scale(ctx, a.view(), 1.0F, out.view()));
      for (std::int64_t r = 0; r < 4; ++r) {
        for (std::int64_t c = 21; c < 24; ++c) CHECK(out.at(r, c) == 9.0F);
        CHECK(out.at(r, 20) == a.at(r, 20));
      }
    });
  }
}

TEST_CASE("exp is within one ulp over its whole range", "[tensor][rows]") {
  // Every 997th bit pattern, both signs.
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0x7f80'0000U; bits += 9973) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  std::vector<float> first;
  for (const KernelTable* kernels : available_kernels()) {
    std::vector<float> y(x.size());
    kernels->exp(x.data(), x.size(), y.data());
    if (first.empty()) first = y;
    CHECK(bits_of(y) == bits_of(first));
  }
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    worst = std::max(worst, ulps(first[i], std::exp(static_cast<double>(x[i]))));
  }
  CHECK(worst <= 1.0);
}

TEST_CASE("tanh is within two ulps over its whole range", "[tensor][rows]") {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0x7f80'0000U; bits += 9973) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  std::vector<float> first;
  for (const KernelTable* kernels : available_kernels()) {
    std::vector<float> y(x.size());
    kernels->tanh(x.data(), x.size(), y.data());
    if (first.empty()) first = y;
    CHECK(bits_of(y) == bits_of(first));
  }
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    worst = std::max(worst, ulps(first[i], std::tanh(static_cast<double>(x[i]))));
  }
  CHECK(worst <= 2.0);
}

TEST_CASE("exp and tanh of special values", "[tensor][rows]") {
  const OwnedF32 x = specials();
  for (const KernelTable* kernels : available_kernels()) {
    OwnedF32 e(1, 19);
    OwnedF32 t(1, 19);
    kernels->exp(x.values.data(), 19, e.values.data());
    kernels->tanh(x.values.data(), 19, t.values.data());
    CHECK(e.at(0, 0) == 1.0F);
    CHECK(e.at(0, 1) == 1.0F);
    CHECK(e.at(0, 4) == kInf);
    CHECK(bits_of(e.at(0, 5)) == 0);
    CHECK(std::isnan(e.at(0, 6)));
    CHECK(std::isfinite(e.at(0, 11)));
    CHECK(std::isinf(e.at(0, 12)));
    CHECK(e.at(0, 14) > 0);
    CHECK(e.at(0, 15) == 0);
    CHECK(t.at(0, 4) == 1.0F);
    CHECK(t.at(0, 5) == -1.0F);
    CHECK(std::isnan(t.at(0, 6)));
    CHECK(t.at(0, 7) == 1e-45F);
  }
}

TEST_CASE("silu_mul equals gate / (1 + exp(-gate)) * up", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 gate = test::random_matrix(19, n, 6);
    const OwnedF32 up = test::random_matrix(19, n, 7);
    const OwnedF32 out = same_everywhere(
        19, n, [&](OpContext& ctx, MatF32 y) { return silu_mul(ctx, gate.view(), up.view(), y); });
    double worst = 0;
    for (std::size_t i = 0; i < out.values.size(); ++i) {
      const double g = static_cast<double>(gate.values[i]);
      const double exact = g / (1 + std::exp(-g)) * static_cast<double>(up.values[i]);
      worst = std::max(worst, ulps(out.values[i], exact));
    }
    CHECK(worst <= 4.0);  // exp 1, sum, quotient and product half each, exp's error amplified < 2
  }
}

TEST_CASE("softmax_rows sums to one in the documented lanes", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 x = test::random_matrix(5, n, 8);
    const OwnedF32 out = same_everywhere(
        5, n, [&](OpContext& ctx, MatF32 y) { return softmax_rows(ctx, x.view(), y); });
    for (std::int64_t r = 0; r < 5; ++r) {
      double total = 0;
      float top = -kInf;
      for (std::int64_t i = 0; i < n; ++i) top = std::max(top, x.at(r, i));
      double denominator = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        denominator += std::exp(static_cast<double>(x.at(r, i)) - static_cast<double>(top));
      }
      for (std::int64_t i = 0; i < n; ++i) {
        total += static_cast<double>(out.at(r, i));
        const double exact =
            std::exp(static_cast<double>(x.at(r, i)) - static_cast<double>(top)) / denominator;
        // x - m is rounded: an absolute error of half an ulp of up to 8, so 2^-22 relative in exp.
        CHECK(std::abs(static_cast<double>(out.at(r, i)) - exact) <= exact * 2e-6);
      }
      CHECK(std::abs(total - 1) < 1e-5);
    }
  }
}

TEST_CASE("softmax_rows of a row with NaN or two infinities is NaN", "[tensor][rows]") {
  OwnedF32 x = test::random_matrix(3, 40, 9);
  x.at(0, 17) = kNan;
  x.at(1, 39) = kInf;
  const OwnedF32 out = same_everywhere(
      3, 40, [&](OpContext& ctx, MatF32 y) { return softmax_rows(ctx, x.view(), y); });
  CHECK(std::isnan(out.at(0, 0)));
  CHECK(std::isnan(out.at(1, 0)));
  CHECK(std::isfinite(out.at(2, 0)));
}

TEST_CASE("mean_rows adds in order and divides once", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 x = test::random_matrix(7, n, 10);
    OwnedF32 expected(1, n);
    for (std::int64_t i = 0; i < n; ++i) {
      float sum = 0;
      for (std::int64_t t = 0; t < 7; ++t) sum += x.at(t, i);
      expected.at(0, i) = sum / 7.0F;
    }
    check_bits(expected, [&](OpContext& ctx, MatF32 out) { return mean_rows(ctx, x.view(), out); });
  }
}

TEST_CASE("kv_append rounds to f16 as the scalar conversion does", "[tensor][rows]") {
  // Every 4099th pattern: normals, denormals, infinities, NaN payloads.
  OwnedF32 x(1024, 1024);
  std::uint32_t bits = 0;
  for (float& value : x.values) {
    value = std::bit_cast<float>(bits);
    bits += 4099;
  }
  for (const KernelTable* kernels : available_kernels()) {
    test::with_context({kernels, 2}, [&](OpContext& ctx) {
      std::vector<std::uint16_t> cache(1030 * 1025, 0xABCD);
      REQUIRE(kv_append(ctx, x.view(), 3, {cache.data(), KvFormat::kF16, 1030, 1024, 1025}));
      std::int64_t wrong = 0;
      for (std::int64_t r = 0; r < 1024; ++r) {
        for (std::int64_t c = 0; c < 1024; ++c) {
          if (cache[static_cast<std::size_t>((r + 3) * 1025 + c)] != f32_to_f16(x.at(r, c)))
            ++wrong;
        }
      }
      CHECK(wrong == 0);
      CHECK(cache[2 * 1025] == 0xABCD);
      CHECK(cache[3 * 1025 + 1024] == 0xABCD);
      CHECK(cache[1027 * 1025] == 0xABCD);
    });
  }
}

TEST_CASE("gather_rows dequantises the rows asked for", "[tensor][rows]") {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kF32, DType::kF16,
                            DType::kBF16, DType::kU8Affine}) {
    const test::OwnedPacked table =
        test::pack_matrix(dtype, test::random_matrix(45, 96, 11), {4, 10, 2});
    const std::vector<std::int32_t> ids = {44, 0, 15, 16, 31, 32, 7, 44, 43};
    OwnedF32 expected(static_cast<std::int64_t>(ids.size()), 96);
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const std::vector<float> row = table.row(ids[t]);
      std::copy(row.begin(), row.end(),
                expected.values.begin() + static_cast<std::ptrdiff_t>(t) * 96);
    }
    check_bits(expected, [&](OpContext& ctx, MatF32 out) {
      return gather_rows(ctx, table.tensor, ids, out);
    });
  }
}

TEST_CASE("gather_rows reads ragged float columns", "[tensor][rows]") {
  const test::OwnedPacked table = test::pack_matrix(DType::kF16, test::random_matrix(20, 45, 12));
  const std::vector<std::int32_t> ids = {19};
  OwnedF32 expected(1, 45);
  expected.values = table.row(19);
  check_bits(expected,
             [&](OpContext& ctx, MatF32 out) { return gather_rows(ctx, table.tensor, ids, out); });
}

TEST_CASE("row operations return false when stopped", "[tensor][rows]") {
  const OwnedF32 x = test::random_matrix(2, 8, 1);
  OwnedF32 out(2, 8);
  ThreadPool pool(1);
  Scratch scratch;
  const std::atomic<bool> stop{true};
  OpContext ctx{*available_kernels().back(), pool, scratch, stop};
  CHECK_FALSE(add(ctx, x.view(), x.view(), out.view()));
  CHECK_FALSE(mean_rows(ctx, x.view(), {out.values.data(), 1, 8, 8}));
}

}  // namespace pxos::tensor
