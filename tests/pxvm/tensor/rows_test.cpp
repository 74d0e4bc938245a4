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

/// Same bits everywhere, returned.
OwnedF32 same_everywhere(std::int64_t rows, std::int64_t cols,
                         const std::function<bool(OpContext&, MatF32)>& operation) {
  OwnedF32 first(rows, cols);
  test::with_context(test::all_variants().front(),
                     [&](OpContext& ctx) { REQUIRE(operation(ctx, first.view())); });
  test::check_bits(first, operation);
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
    test::check_bits(expected, [&](OpContext& ctx, MatF32 out) {
      return rmsnorm(ctx, x.view(), w.values, 1e-5F, out);
    });
    test::check_bits(expected, [&](OpContext& ctx, MatF32 out) {  // in place
      std::copy(x.values.begin(), x.values.end(), out.data);
      return rmsnorm(ctx, {out.data, 3, n, n}, w.values, 1e-5F, out);
    });
  }
}

TEST_CASE("head_norm is rmsnorm of every head", "[tensor][rows]") {
  for (const std::int64_t head : {16, 33, 64}) {
    const OwnedF32 x = test::random_matrix(5, 3 * head, 21);
    const OwnedF32 w = test::random_matrix(1, head, 22);
    OwnedF32 expected(5, 3 * head);
    test::with_context(test::all_variants().front(), [&](OpContext& ctx) {
      for (std::int64_t r = 0; r < 5; ++r) {
        for (std::int64_t h = 0; h < 3; ++h) {
          const std::int64_t at = (3 * r + h) * head;
          REQUIRE(rmsnorm(ctx, {x.values.data() + at, 1, head, head}, w.values, 1e-6F,
                          {expected.values.data() + at, 1, head, head}));
        }
      }
    });
    test::check_bits(expected, [&](OpContext& ctx, MatF32 out) {
      return head_norm(ctx, x.view(), w.values, 1e-6F, out);
    });
  }
}

TEST_CASE("layernorm follows its documented order", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 x = test::random_matrix(3, n, 23);
    const OwnedF32 gain = test::random_matrix(1, n, 24);
    const OwnedF32 bias = test::random_matrix(1, n, 25);
    OwnedF32 expected(3, n);
    for (std::int64_t r = 0; r < 3; ++r) {
      const float sum = sum_in_lanes(n, [&](std::int64_t i, float s) { return s + x.at(r, i); });
      const float mean = sum / static_cast<float>(n);
      const float squares = sum_in_lanes(n, [&](std::int64_t i, float s) {
        return std::fma(x.at(r, i) - mean, x.at(r, i) - mean, s);
      });
      const float inverse = 1.0F / std::sqrt(squares / static_cast<float>(n) + 1e-5F);
      for (std::int64_t i = 0; i < n; ++i)
        expected.at(r, i) = std::fma((x.at(r, i) - mean) * inverse, gain.at(0, i), bias.at(0, i));
    }
    const LayerNormParams params{gain.values, bias.values, 1e-5F};
    test::check_bits(expected, [&](OpContext& ctx, MatF32 out) {
      return layernorm(ctx, x.view(), params, out);
    });
    test::check_bits(expected, [&](OpContext& ctx, MatF32 out) {  // in place
      std::copy(x.values.begin(), x.values.end(), out.data);
      return layernorm(ctx, {out.data, 3, n, n}, params, out);
    });
  }
}

TEST_CASE("layernorm of equal numbers is its bias", "[tensor][rows]") {
  // The squares of differences would be 1e12 * 2^-24 if the mean were not taken off first.
  OwnedF32 x(1, 48);
  std::fill(x.values.begin(), x.values.end(), 1e6F);
  const OwnedF32 gain = test::random_matrix(1, 48, 26);
  const OwnedF32 bias = test::random_matrix(1, 48, 27);
  test::check_bits(bias, [&](OpContext& ctx, MatF32 out) {
    return layernorm(ctx, x.view(), {gain.values, bias.values, 1e-5F}, out);
  });
}

TEST_CASE("element-wise operations are one rounding each", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 a = test::random_matrix(17, n, 3);
    const OwnedF32 b = test::random_matrix(17, n, 4);
    test::check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) + b.at(r, c); }),
                     [&](OpContext& ctx, MatF32 out) { return add(ctx, a.view(), b.view(), out); });
    test::check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) * b.at(r, c); }),
                     [&](OpContext& ctx, MatF32 out) { return mul(ctx, a.view(), b.view(), out); });
    test::check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) * 0.3F; }),
                     [&](OpContext& ctx, MatF32 out) { return scale(ctx, a.view(), 0.3F, out); });
    const std::span<const float> row(b.values.data(), static_cast<std::size_t>(n));
    test::check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) + b.at(0, c); }),
                     [&](OpContext& ctx, MatF32 out) { return add_row(ctx, a.view(), row, out); });
    test::check_bits(map(a, [&](auto r, auto c) { return a.at(r, c) > 0 ? a.at(r, c) : 0.0F; }),
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

TEST_CASE("erf is within two ulps over its whole range", "[tensor][rows]") {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0x7f80'0000U; bits += 9973) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  std::vector<float> first;
  for (const KernelTable* kernels : available_kernels()) {
    std::vector<float> y(x.size());
    kernels->erf(x.data(), x.size(), y.data());
    if (first.empty()) first = y;
    CHECK(bits_of(y) == bits_of(first));
  }
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    worst = std::max(worst, ulps(first[i], std::erf(static_cast<double>(x[i]))));
  }
  CHECK(worst <= 2.0);
}

TEST_CASE("both forms of gelu equal their equations", "[tensor][rows]") {
  OwnedF32 x(1, 4001);
  for (std::int64_t i = 0; i < 4001; ++i) x.at(0, i) = static_cast<float>(i - 2000) / 200.0F;
  const OwnedF32 curved =
      same_everywhere(1, 4001, [&](OpContext& ctx, MatF32 y) { return gelu(ctx, x.view(), y); });
  const OwnedF32 exact = same_everywhere(
      1, 4001, [&](OpContext& ctx, MatF32 y) { return gelu_erf(ctx, x.view(), y); });
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const double a = static_cast<double>(x.values[i]);
    const double u = std::sqrt(2 / std::acos(-1.0)) * (a + 0.044715 * a * a * a);
    // u is right to about 3 roundings, so e^(-2 u) to 6 |u| of them; the quotient adds a few.
    const double tanh_form = a / (1 + std::exp(-2 * u));
    CHECK(std::abs(static_cast<double>(curved.values[i]) - tanh_form) <=
          (6 * std::abs(u) + 4) * 0x1p-24 * std::abs(tanh_form) + 1e-42);
    // 1 + erf loses what is small: two ulps of 1 times a / 2, and the final rounding.
    const double erf_form = a / 2 * (1 + std::erf(a / std::sqrt(2.0)));
    CHECK(std::abs(static_cast<double>(exact.values[i]) - erf_form) <=
          (3 * std::abs(a) + std::abs(erf_form)) * 0x1p-24);
  }
}

TEST_CASE("gelu_mul is gelu times its partner", "[tensor][rows]") {
  for (const std::int64_t n : kWidths) {
    const OwnedF32 gate = test::random_matrix(3, n, 28);
    const OwnedF32 up = test::random_matrix(3, n, 29);
    const OwnedF32 bent =
        same_everywhere(3, n, [&](OpContext& ctx, MatF32 y) { return gelu(ctx, gate.view(), y); });
    test::check_bits(
        map(bent, [&](auto r, auto c) { return bent.at(r, c) * up.at(r, c); }),
        [&](OpContext& ctx, MatF32 y) { return gelu_mul(ctx, gate.view(), up.view(), y); });
  }
}

TEST_CASE("softcap bends numbers into its range", "[tensor][rows]") {
  OwnedF32 x(1, 21);
  for (std::int64_t i = 0; i < 21; ++i) x.at(0, i) = static_cast<float>(i - 10) * 13.0F;
  const OwnedF32 out = same_everywhere(
      1, 21, [&](OpContext& ctx, MatF32 y) { return softcap(ctx, x.view(), 30.0F, y); });
  for (std::int64_t i = 0; i < 21; ++i) {
    const double exact = 30 * std::tanh(static_cast<double>(x.at(0, i)) / 30);
    CHECK(ulps(out.at(0, i), exact) <= 4);  // quotient, tanh (2 ulps) and product
  }
}

TEST_CASE("gelu, erf and softcap keep NaN and know their limits", "[tensor][rows]") {
  for (const KernelTable* kernels : available_kernels()) {
    const float in[4] = {kNan, kInf, 60.0F, -60.0F};
    float bent[4], exact[4], soft[4], erf[4];
    kernels->gelu(in, 4, bent);
    kernels->gelu_erf(in, 4, exact);
    kernels->softcap(in, 2.0F, 4, soft);
    kernels->erf(in, 4, erf);
    for (const float* out : {bent, exact, soft, erf}) CHECK(std::isnan(out[0]));
    CHECK((bent[1] == kInf && exact[1] == kInf && soft[1] == 2.0F && erf[1] == 1.0F));
    CHECK((bent[2] == 60.0F && exact[2] == 60.0F && soft[2] == 2.0F && erf[3] == -1.0F));
    CHECK((bent[3] == 0.0F && exact[3] == 0.0F && soft[3] == -2.0F));
  }
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
    test::check_bits(expected,
                     [&](OpContext& ctx, MatF32 out) { return mean_rows(ctx, x.view(), out); });
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
    test::check_bits(expected, [&](OpContext& ctx, MatF32 out) {
      return gather_rows(ctx, table.tensor, ids, out);
    });
  }
}

TEST_CASE("gather_rows reads ragged float columns", "[tensor][rows]") {
  const test::OwnedPacked table = test::pack_matrix(DType::kF16, test::random_matrix(20, 45, 12));
  const std::vector<std::int32_t> ids = {19};
  OwnedF32 expected(1, 45);
  expected.values = table.row(19);
  test::check_bits(expected, [&](OpContext& ctx, MatF32 out) {
    return gather_rows(ctx, table.tensor, ids, out);
  });
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
