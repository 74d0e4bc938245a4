#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

using test::bits_of;
using test::OwnedF32;

RopeParams make_params(std::int64_t heads, std::int64_t head_dim, std::int64_t dims,
                       RopePairing pairing) {
  RopeParams p;
  p.heads = heads;
  p.head_dim = head_dim;
  p.dims = dims;
  p.pairing = pairing;
  return p;
}

std::vector<float> make_table(const RopeParams& p, std::int64_t ctx_len) {
  std::vector<float> table(static_cast<std::size_t>(ctx_len * p.dims));
  rope_table(p, 0, table);
  return table;
}

/// (a, b) -> (fma(a, cos, -(b sin)), fma(a, sin, b cos)).
OwnedF32 expected_rotation(const RopeParams& p, const std::vector<float>& table, std::int64_t pos,
                           OwnedF32 x) {
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t i = 0; i < p.heads * p.dims / 2; ++i) {
      const std::int64_t pair = i % (p.dims / 2);
      const std::int64_t head = i / (p.dims / 2) * p.head_dim;
      const bool halves = p.pairing == RopePairing::kHalves;
      float& a = x.at(t, head + (halves ? pair : 2 * pair));
      float& b = x.at(t, head + (halves ? pair + p.dims / 2 : 2 * pair + 1));
      const std::size_t entry = static_cast<std::size_t>((pos + t) * p.dims + 2 * pair);
      const float c = table[entry];
      const float s = table[entry + 1];
      const float rotated = std::fma(a, c, -(b * s));
      b = std::fma(a, s, b * c);
      a = rotated;
    }
  }
  return x;
}

}  // namespace

TEST_CASE("rope_table is the correctly rounded angle almost everywhere", "[tensor][rope]") {
  for (const float base : {10000.0F, 500000.0F, 1e6F, 1.5F}) {
    RopeParams p = make_params(1, 64, 64, RopePairing::kAdjacent);
    p.base = base;
    const std::int64_t ctx_len = 4096;
    const std::vector<float> table = make_table(p, ctx_len);
    double worst = 0;
    for (std::int64_t pos = 0; pos < ctx_len; ++pos) {
      for (std::int64_t i = 0; i < 32; ++i) {
        const double angle =
            static_cast<double>(pos) *
            std::pow(static_cast<double>(base), -2.0 * static_cast<double>(i) / 64.0);
        const std::size_t at = static_cast<std::size_t>(pos * 64 + 2 * i);
        worst = std::max(worst, std::abs(static_cast<double>(table[at]) - std::cos(angle)));
        worst = std::max(worst, std::abs(static_cast<double>(table[at + 1]) - std::sin(angle)));
      }
    }
    // Half an ulp of f32 below one is 2^-25; the angle's own f64 error is below 4096 * 2^-52.
    CHECK(worst <= 0x1.001p-25);
  }
}

namespace {

/// The worst difference to magnitude * (cos, sin) of pos * f[i] over all entries.
double table_error(const RopeParams& p, const std::vector<float>& factors,
                   const std::vector<double>& frequencies) {
  constexpr std::int64_t kPositions = 256;
  std::vector<float> table(static_cast<std::size_t>(kPositions * p.dims));
  rope_table(p, 0, table, factors);
  double worst = 0;
  for (std::size_t pos = 0; pos < kPositions; ++pos) {
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
      const double angle = static_cast<double>(pos) * frequencies[i];
      const float* entry = table.data() + pos * frequencies.size() * 2 + 2 * i;
      const double size = static_cast<double>(p.magnitude);
      worst = std::max(worst, std::abs(static_cast<double>(entry[0]) - size * std::cos(angle)));
      worst = std::max(worst, std::abs(static_cast<double>(entry[1]) - size * std::sin(angle)));
    }
  }
  return worst;
}

std::vector<double> plain_frequencies(const RopeParams& p) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < p.dims / 2; ++i)
    out.push_back(std::pow(static_cast<double>(p.base),
                           -2.0 * static_cast<double>(i) / static_cast<double>(p.dims)));
  return out;
}

}  // namespace

TEST_CASE("rope_table divides frequencies by the factor and by the list of factors",
          "[tensor][rope]") {
  RopeParams p = make_params(1, 32, 32, RopePairing::kHalves);
  p.factor = 4;
  p.magnitude = 1.25F;
  std::vector<double> frequencies = plain_frequencies(p);
  for (double& f : frequencies) f /= 4;
  // Numbers up to 1.25: half an ulp is 2^-24.
  CHECK(table_error(p, {}, frequencies) <= 0x1.001p-24 + 0x1p-40);
  std::vector<float> factors;
  for (std::size_t i = 0; i < 16; ++i) {
    factors.push_back(1.0F + 0.7F * static_cast<float>(i));
    frequencies[i] /= static_cast<double>(factors[i]);
  }
  CHECK(table_error(p, factors, frequencies) <= 0x1.001p-24 + 0x1p-40);
}

TEST_CASE("rope_table follows YaRN: fast pairs stay, slow pairs are divided, a ramp between",
          "[tensor][rope]") {
  RopeParams p = make_params(1, 64, 64, RopePairing::kHalves);
  p.base = 1e6F;
  p.factor = 4;
  p.original = 4096;
  // The equations of ops.hpp with libm.
  const auto pair_of = [&](double beta) {
    return 64 * std::log(4096 / (beta * 2 * std::acos(-1.0))) / (2 * std::log(1e6));
  };
  const double low = std::floor(pair_of(32));
  const double high = std::ceil(pair_of(1));
  REQUIRE((low == 6 && high == 16));
  std::vector<double> frequencies = plain_frequencies(p);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double mix = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] = frequencies[i] * (1 - mix) + frequencies[i] / 4 * mix;
  }
  CHECK(table_error(p, {}, frequencies) <= 0x1.001p-25 + 0x1p-40);
}

TEST_CASE("rope_table from a later position on has the same entries", "[tensor][rope]") {
  const RopeParams p = make_params(1, 16, 8, RopePairing::kHalves);
  const std::vector<float> all = make_table(p, 40);
  std::vector<float> part(5 * 8);
  rope_table(p, 33, part);
  CHECK(std::equal(part.begin(), part.end(), all.begin() + 33 * 8));
}

TEST_CASE("rope_table starts without rotation", "[tensor][rope]") {
  const std::vector<float> table = make_table(make_params(1, 8, 8, RopePairing::kHalves), 1);
  CHECK(table == std::vector<float>{1, 0, 1, 0, 1, 0, 1, 0});
}

TEST_CASE("rope follows its documented order for both pairings", "[tensor][rope]") {
  for (const RopePairing pairing : {RopePairing::kAdjacent, RopePairing::kHalves}) {
    for (const auto& [head_dim, dims] : {std::pair<std::int64_t, std::int64_t>{8, 8},
                                         {64, 64},
                                         {64, 32},
                                         {80, 20},
                                         {16, 2},
                                         {128, 128}}) {
      const RopeParams p = make_params(3, head_dim, dims, pairing);
      const std::vector<float> table = make_table(p, 60);
      const OwnedF32 x = test::random_matrix(50, 3 * head_dim, 5);
      const OwnedF32 expected = expected_rotation(p, table, 7, x);
      for (const test::Variant& variant : test::all_variants()) {
        INFO(variant.name() << " head_dim " << head_dim << " dims " << dims);
        test::with_context(variant, [&](OpContext& ctx) {
          OwnedF32 y = x;
          REQUIRE(rope(ctx, p, table, 7, y.view()));
          CHECK(bits_of(y.values) == bits_of(expected.values));
        });
      }
    }
  }
}

TEST_CASE("rope keeps lengths and undoes itself by the opposite angle", "[tensor][rope]") {
  const RopeParams p = make_params(1, 16, 16, RopePairing::kAdjacent);
  std::vector<float> table = make_table(p, 100);
  const OwnedF32 x = test::random_matrix(1, 16, 6);
  test::with_context({available_kernels().back(), 1}, [&](OpContext& ctx) {
    OwnedF32 y = x;
    REQUIRE(rope(ctx, p, table, 99, y.view()));
    for (std::size_t i = 1; i < table.size(); i += 2) table[i] = -table[i];
    REQUIRE(rope(ctx, p, table, 99, y.view()));
    for (std::int64_t i = 0; i < 16; ++i) CHECK(std::abs(y.at(0, i) - x.at(0, i)) < 1e-6F);
  });
}

}  // namespace pxos::tensor
