#include "pxvm/tensor/quantize.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

using test::bits_of;
using test::OwnedF32;

struct Cache {
  std::int64_t rows, cols, stride;
  std::vector<std::uint16_t> values;
  /// Attention only reads; a KvCache is also what kv_append writes.
  [[nodiscard]] KvCache view() const {
    return {const_cast<std::uint16_t*>(values.data()), KvFormat::kF16, rows, cols, stride};
  }
  [[nodiscard]] double at(std::int64_t r, std::int64_t c) const {
    return static_cast<double>(f16_to_f32(values.at(static_cast<std::size_t>(r * stride + c))));
  }
};

/// `used` rows of numbers, then NaN: what lies past the last position must not be looked at.
Cache make_cache(std::int64_t used, std::int64_t cols, std::uint64_t seed) {
  Cache cache{used + 5, cols, cols + 3, {}};
  cache.values.assign(static_cast<std::size_t>(cache.rows * cache.stride), 0x7e00);
  const OwnedF32 numbers = test::random_matrix(used, cols, seed);
  for (std::int64_t r = 0; r < used; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      cache.values[static_cast<std::size_t>(r * cache.stride + c)] = f32_to_f16(numbers.at(r, c));
    }
  }
  return cache;
}

/// The equation of ops.hpp in f64, without tiles.
double expected(const AttentionParams& p, const OwnedF32& q, const Cache& k, const Cache& v,
                std::int64_t pos, std::int64_t t, std::int64_t head, std::int64_t d) {
  const std::int64_t g = head / (p.heads / p.kv_heads) * p.head_dim;
  const std::int64_t first = p.window == 0 ? 0 : std::max<std::int64_t>(0, pos + t + 1 - p.window);
  std::vector<double> scores;
  double top = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = first; j <= pos + t; ++j) {
    double s = 0;
    for (std::int64_t i = 0; i < p.head_dim; ++i) {
      s += static_cast<double>(q.at(t, head * p.head_dim + i)) * k.at(j, g + i);
    }
    s *= static_cast<double>(p.scale);
    const double cap = static_cast<double>(p.softcap);
    if (p.softcap != 0) s = cap * std::tanh(s / cap);
    scores.push_back(s);
    top = std::max(top, s);
  }
  double total = 0;
  double sum = 0;
  for (std::size_t j = 0; j < scores.size(); ++j) {
    const double weight = std::exp(scores[j] - top);
    total += weight;
    sum += weight * v.at(first + static_cast<std::int64_t>(j), g + d);
  }
  return sum / total;
}

OwnedF32 attend(OpContext& ctx, const AttentionParams& p, const OwnedF32& q, const Cache& k,
                const Cache& v, std::int64_t pos) {
  OwnedF32 out(q.rows, q.cols);
  REQUIRE(attention(ctx, p, q.view(), k.view(), v.view(), pos, out.view()));
  return out;
}

AttentionParams make_params(std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim) {
  AttentionParams p;
  p.heads = heads;
  p.kv_heads = kv_heads;
  p.head_dim = head_dim;
  p.scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  return p;
}

/// Largest difference to the f64 equation. Scores of a few units and at most a few hundred
/// positions: every f32 step is relative to |v| <= 5, so 1e-5 leaves a factor of ten.
double worst_error(const AttentionParams& p, const OwnedF32& q, const Cache& k, const Cache& v,
                   std::int64_t pos, const OwnedF32& out) {
  double worst = 0;
  for (std::int64_t t = 0; t < q.rows; ++t) {
    for (std::int64_t c = 0; c < q.cols; ++c) {
      const double e = expected(p, q, k, v, pos, t, c / p.head_dim, c % p.head_dim);
      worst = std::max(worst, std::abs(e - static_cast<double>(out.at(t, c))));
    }
  }
  return worst;
}

struct Case {
  AttentionParams params;
  std::int64_t pos;
  std::int64_t tokens;
};

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const auto& [pos, tokens] : {std::pair<std::int64_t, std::int64_t>{0, 1},
                                    {5, 1},
                                    {63, 1},
                                    {64, 3},
                                    {200, 1},
                                    {0, 70},
                                    {61, 9},
                                    {130, 33}}) {
    out.push_back({make_params(6, 2, 16), pos, tokens});
    out.push_back({make_params(3, 3, 8), pos, tokens});
    out.push_back({make_params(9, 3, 64), pos, tokens});
    out.push_back({make_params(2, 1, 80), pos, tokens});
    Case windowed{make_params(4, 2, 16), pos, tokens};
    windowed.params.window = 37;
    out.push_back(windowed);
    Case capped{make_params(4, 2, 24), pos, tokens};
    capped.params.softcap = 1.5F;
    out.push_back(capped);
  }
  return out;
}

}  // namespace

TEST_CASE("attention equals its equation", "[tensor][attention]") {
  for (const Case& c : cases()) {
    const OwnedF32 q = test::random_matrix(c.tokens, c.params.heads * c.params.head_dim, 1);
    const std::int64_t kv_cols = c.params.kv_heads * c.params.head_dim;
    const Cache k = make_cache(c.pos + c.tokens, kv_cols, 2);
    const Cache v = make_cache(c.pos + c.tokens, kv_cols, 3);
    INFO("pos " << c.pos << " T " << c.tokens << " head_dim " << c.params.head_dim);
    test::with_context({available_kernels().back(), 2}, [&](OpContext& ctx) {
      const OwnedF32 out = attend(ctx, c.params, q, k, v, c.pos);
      CHECK(worst_error(c.params, q, k, v, c.pos, out) < 1e-5);
    });
  }
}

TEST_CASE("attention has the same bits on every kernel set and thread count",
          "[tensor][attention]") {
  for (const Case& c : cases()) {
    const OwnedF32 q = test::random_matrix(c.tokens, c.params.heads * c.params.head_dim, 4);
    const std::int64_t kv_cols = c.params.kv_heads * c.params.head_dim;
    const Cache k = make_cache(c.pos + c.tokens, kv_cols, 5);
    const Cache v = make_cache(c.pos + c.tokens, kv_cols, 6);
    std::vector<std::uint32_t> first;
    for (const test::Variant& variant : test::all_variants()) {
      INFO(variant.name() << " pos " << c.pos << " T " << c.tokens << " head_dim "
                          << c.params.head_dim);
      test::with_context(variant, [&](OpContext& ctx) {
        const auto bits = bits_of(attend(ctx, c.params, q, k, v, c.pos).values);
        if (first.empty()) first = bits;
        CHECK(bits == first);
      });
    }
  }
}

TEST_CASE("attention of a prompt has the bits of token by token", "[tensor][attention]") {
  AttentionParams windowed = make_params(4, 2, 24);
  windowed.window = 50;
  for (const AttentionParams& p : {make_params(6, 2, 16), windowed, make_params(9, 3, 64)}) {
    const std::int64_t tokens = 150;
    const OwnedF32 q = test::random_matrix(tokens, p.heads * p.head_dim, 7);
    const Cache k = make_cache(tokens, p.kv_heads * p.head_dim, 8);
    const Cache v = make_cache(tokens, p.kv_heads * p.head_dim, 9);
    for (const KernelTable* kernels : available_kernels()) {
      test::with_context({kernels, 2}, [&](OpContext& ctx) {
        const OwnedF32 whole = attend(ctx, p, q, k, v, 0);
        OwnedF32 pieces(tokens, q.cols);
        std::int64_t done = 0;
        for (const std::int64_t count : {1, 1, 6, 30, 2, 64, 46}) {
          const ConstMatF32 part{q.values.data() + done * q.stride, count, q.cols, q.stride};
          const MatF32 to{&pieces.at(done, 0), count, q.cols, q.stride};
          REQUIRE(attention(ctx, p, part, k.view(), v.view(), done, to));
          done += count;
        }
        REQUIRE(done == tokens);
        CHECK(bits_of(pieces.values) == bits_of(whole.values));
      });
    }
  }
}

TEST_CASE("attention carries a NaN of a visible position to the heads that see it",
          "[tensor][attention]") {
  const AttentionParams p = make_params(4, 2, 16);
  const OwnedF32 q = test::random_matrix(3, 64, 1);
  Cache k = make_cache(100, 32, 2);
  const Cache v = make_cache(100, 32, 3);
  k.values[static_cast<std::size_t>(98 * k.stride + 20)] = 0x7e00;  // position 98, kv head 1
  for (const test::Variant& variant : test::all_variants()) {
    test::with_context(variant, [&](OpContext& ctx) {
      const OwnedF32 out = attend(ctx, p, q, k, v, 97);
      CHECK(std::isfinite(out.at(0, 40)));  // position 97 does not see 98
      CHECK(std::isnan(out.at(1, 40)));
      CHECK(std::isfinite(out.at(1, 10)));  // kv head 0
      CHECK(std::isnan(out.at(2, 63)));
    });
  }
}

TEST_CASE("an f32 cache gives what an f16 cache of the same values gives", "[tensor][attention]") {
  const AttentionParams p = make_params(4, 2, 24);
  const Cache k = make_cache(100, 48, 2);
  const Cache v = make_cache(100, 48, 3);
  const auto widened = [](const Cache& cache) {
    OwnedF32 wide(100, 48);
    for (std::int64_t i = 0; i < 100 * 48; ++i) {
      wide.at(i / 48, i % 48) = static_cast<float>(cache.at(i / 48, i % 48));
    }
    return wide;
  };
  OwnedF32 wide_k = widened(k);
  OwnedF32 wide_v = widened(v);
  for (const std::int64_t tokens : {1, 30}) {
    const OwnedF32 q = test::random_matrix(tokens, 96, 5);
    test::with_context(test::all_variants().front(), [&](OpContext& ctx) {
      const OwnedF32 expected = attend(ctx, p, q, k, v, 60);
      OwnedF32 found(tokens, 96);
      REQUIRE(attention(
          ctx, p, q.view(), {wide_k.view().data, KvFormat::kF32, 100, 48, wide_k.view().stride},
          {wide_v.view().data, KvFormat::kF32, 100, 48, wide_v.view().stride}, 60, found.view()));
      CHECK(bits_of(found.values) == bits_of(expected.values));
    });
  }
}

TEST_CASE("a q8 cache is appended by its rule and read as d * q", "[tensor][attention]") {
  const AttentionParams p = make_params(4, 2, 32);
  OwnedF32 x = test::random_matrix(100, 64, 9);
  x.at(7, 3) = 0;
  for (std::int64_t c = 32; c < 64; ++c) x.at(11, c) = 0;  // a block of zeros
  const auto bytes = static_cast<std::size_t>(100 * kv_row_bytes(KvFormat::kQ8, 64));
  for (const test::Variant& variant : test::all_variants()) {
    INFO(variant.name());
    test::with_context(variant, [&](OpContext& ctx) {
      std::vector<std::uint16_t> memory(bytes / 2);
      const KvCache cache{memory.data(), KvFormat::kQ8, 100, 64, 64};
      REQUIRE(kv_append(ctx, x.view(), 0, cache));
      OwnedF32 values(100, 64);
      for (std::int64_t r = 0; r < 100; ++r) {
        for (std::int64_t c = 0; c < 64; ++c) {
          float amax = 0;
          for (std::int64_t i = c / 32 * 32; i < c / 32 * 32 + 32; ++i) {
            amax = std::max(amax, std::abs(x.at(r, i)));
          }
          const float d = f16_to_f32(f32_to_f16(amax / 127.0F));
          const float q = d == 0 ? 0 : std::clamp(std::nearbyint(x.at(r, c) / d), -127.0F, 127.0F);
          REQUIRE(cache.q8_row(r)[c] == static_cast<std::int8_t>(q));
          values.at(r, c) = d * q;
        }
      }
      for (const std::int64_t tokens : {1, 30}) {
        const OwnedF32 q = test::random_matrix(tokens, 128, 5);
        const KvCache exact{values.values.data(), KvFormat::kF32, 100, 64, values.stride};
        OwnedF32 expected(tokens, 128);
        OwnedF32 found(tokens, 128);
        REQUIRE(attention(ctx, p, q.view(), exact, exact, 60, expected.view()));
        REQUIRE(attention(ctx, p, q.view(), cache, cache, 60, found.view()));
        CHECK(bits_of(found.values) == bits_of(expected.values));
      }
    });
  }
}

TEST_CASE("attention returns false when stopped", "[tensor][attention]") {
  const AttentionParams p = make_params(2, 1, 16);
  const Cache cache = make_cache(30, 16, 1);
  ThreadPool pool(2);
  Scratch scratch;
  const std::atomic<bool> stop{true};
  OpContext ctx{*available_kernels().back(), pool, scratch, stop};
  for (const std::int64_t tokens : {1, 20}) {
    const OwnedF32 q = test::random_matrix(tokens, 32, 2);
    OwnedF32 out(tokens, 32);
    CHECK_FALSE(attention(ctx, p, q.view(), cache.view(), cache.view(), 3, out.view()));
  }
}

}  // namespace pxos::tensor
