#pragma once
// The guest that tests of machine states save and load.

#include "tests/pxvm/vm/guest.hpp"

namespace pxos::test {

/// A layer loop with everything a register can hold: a weight and a vector of an array, a cache, a
/// view into a temp, an input, an output; regions that outlive the call.
inline constexpr const char* kStateText = R"(.program state
.param n = 4
.param n_layer = 2
.dim T = 1..8
.import w[n_layer] : weight[n, n] = "blk.{}.w"
.import norm[n_layer] : f32[n] = "blk.{}.norm"
.region kept : f32[n]
.view last : f32[1, n]
.temp x : f32[T, n]
.temp y : f32[T, n]
.const eps : f32 = 1e-5
.entry main(pos: i64, input: f32[T, n]) -> out: f32[1, n]
    copy x, input
    i64.const r1, 0
    i64.const r2, 2
layer:
    rmsnorm y, x, norm[r1], eps
    matmul x, w[r1], y
    tail last, x
    i64.const r4, 0
    ld.f32 r3, last, r4
    st.f32 kept, r1, r3
    i64.addi r1, r1, 1
    br.lt r1, r2, layer
    copy out, last
    halt
)";

inline void furnish(Guest& guest) {
  const std::vector<float> matrix{1, 2, 3, 4, -1, 0.5F, 2, 1, 0, 1, 0, 2, 3, 1, -2, 1};
  guest.add_matrix("blk.0.w", 4, 4, matrix);
  guest.add_matrix("blk.1.w", 4, 4, matrix);
  guest.add_vector("blk.0.norm", {1, 2, 3, 4});
  guest.add_vector("blk.1.norm", {4, 3, 2, 1});
}

}  // namespace pxos::test
