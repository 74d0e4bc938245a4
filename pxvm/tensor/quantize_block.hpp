#pragma once
// One block from f32. Private to quantize_row. Pure functions.
//
// `importance`: how much an error in each column of the block counts (>= 0, finite), or null. Null
// gives the format's reference rounding where it has one (Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 MXFP4), and
// equal importance elsewhere.

#include "pxvm/tensor/block.hpp"

namespace pxos::tensor {

/// Blocks with one scale. Requires: 32 finite values.
void quantize_small_block(const BlockSpec& spec, const float* in, const float* importance,
                          BlockFields& out);

/// Blocks with scales per group. Requires: 256 finite values.
void quantize_super_block(const BlockSpec& spec, const float* in, const float* importance,
                          BlockFields& out);

/// out[k] = importance[k] * sqrt(mean square of the block + x[k]^2): large values count more, since
/// they are what products are made of. All 1 when that gives nothing. Requires: out holds n.
void column_weights(const float* in, const float* importance, std::size_t n, float* out);

}  // namespace pxos::tensor
