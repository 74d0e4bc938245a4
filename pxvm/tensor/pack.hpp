#pragma once
// Canonical rows <-> packed units, a bijection per dtype (docs/spec/sheet.md has the byte tables).
//
// Packed unit = 16 rows (r) x 32 columns (k):
//   F32/F16/BF16/U8Affine   element (r, k) at [k][r]                       32 x 16 elements
//   Q8_0                    d[16] f16, then q[8][64]: (r, k) at [k / 4][4 r + k % 4], stored q +
//   128 Q4_0                    d[16] f16, then q[4][64]: byte [j][4 r + i] holds k = 4 j + i in
//   the low and
//                           k = 16 + 4 j + i in the high nibble, stored 0..15
//   Q4_1                    d[16] f16, m[16] f16, then q[4][64] as Q4_0
// Padding rows and columns dequantise to exactly zero.

#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

namespace pxos::tensor {

/// Packs up to 16 canonical rows of `cols` elements, `row_bytes` apart in `rows`, into
/// ceil(cols / unit_cols) consecutive units at `units`.
/// Requires: info(dtype).unit_bytes != 0; 1 <= row_count <= 16; sizes fit (PX_ASSERTed).
void pack_row_group(DType dtype, Bytes rows, std::uint64_t row_bytes, std::uint32_t row_count,
                    std::uint64_t cols, MutBytes units);

/// Inverse of pack_row_group for the unpadded part.
void unpack_row_group(DType dtype, Bytes units, std::uint32_t row_count, std::uint64_t cols,
                      std::uint64_t row_bytes, MutBytes rows);

}  // namespace pxos::tensor
