#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <cmath>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

using test::OwnedF32;

/// One chain of fused multiply-adds per element, k ascending: the words of ops.hpp.
OwnedF32 expected(const OwnedF32& w, const OwnedF32& x) {
  OwnedF32 y(x.rows, w.rows);
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t n = 0; n < w.rows; ++n) {
      float sum = 0;
      for (std::int64_t k = 0; k < w.cols; ++k) sum = std::fma(w.at(n, k), x.at(t, k), sum);
      y.at(t, n) = sum;
    }
  }
  return y;
}

TEST_CASE("A product of two matrices has the bits of its equation", "[tensor][matmul]") {
  struct Case {
    std::int64_t rows, cols, tokens, stride;
  };
  // Row groups that are not whole, columns that are not whole units, rows with gaps, and more than
  // one portion of packed rows (the last: 1 MiB holds 32 rows of 8192 columns).
  for (const Case& one : {Case{1, 1, 1, 1}, Case{16, 32, 1, 32}, Case{17, 33, 5, 40},
                          Case{50, 7, 64, 7}, Case{70, 8192, 3, 8192}}) {
    OwnedF32 w(one.rows, one.cols, one.stride);
    const OwnedF32 values = test::random_matrix(one.rows, one.cols, 3);
    for (std::int64_t r = 0; r < w.rows; ++r)
      for (std::int64_t c = 0; c < w.cols; ++c) w.at(r, c) = values.at(r, c);
    const OwnedF32 x = test::random_matrix(one.tokens, one.cols, 5);
    INFO(one.rows << " x " << one.cols << ", " << one.tokens);
    test::check_bits(expected(w, x), [&](OpContext& ctx, MatF32 out) {
      return matmul_f32(ctx, w.view(), x.view(), out);
    });
  }
}

}  // namespace
}  // namespace pxos::tensor
