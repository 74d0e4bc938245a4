#pragma once
// Canonical rows <-> packed units, a bijection per dtype (docs/spec/sheet.md has the byte tables).
//
// Packed unit of an element type = 16 rows (r) x 32 columns (k): element (r, k) at [k][r].
//
// Packed unit of a block type = 16 rows x one block:
//   d[16]            f16 (MXFP4: one byte), the 16 rows side by side
//   m[16]            f16, where the dtype has minima
//   scale planes     planes of 16 bytes, one byte per row, where the dtype has group scales:
//     Q2_K           16 planes: s[p] | t[p] << 4
//     Q3_K           12 planes: s[p] | bits of s[12 + p / 3] at 2 (p % 3) << 6
//     Q4_K, Q5_K      8 planes: s[p] | (t[p] & 3) << 6; 4 planes: t[p] >> 2 | (t[p + 4] >> 2) << 4
//     Q6_K           16 planes: s[p]
//   steps            one per 32 columns, each the high bits of the quants (where their number is
//   not
//                    a power of two), then the low bits, as lines of 64 bytes
//
// A field of b bits of 32 columns is b lines. Columns 4 j .. 4 j + 3 of row r (j = 0 .. 7) lie in
// line j % b, bytes 4 r .. 4 r + 3, at bit b * (j / b): 16 rows x 4 columns are one vector of bytes
// after one shift and one mask. Quants are stored unsigned; Q8_0 as q + 128.
// Padding rows and columns dequantise to exactly zero.

#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <span>

namespace pxos::tensor {

/// Packs up to 16 canonical rows of `cols` elements, `row_bytes` apart in `rows`, into
/// ceil(cols / unit_cols) consecutive units at `units`.
/// Requires: info(dtype).unit_bytes != 0; 1 <= row_count <= 16; sizes fit (PX_ASSERTed).
void pack_row_group(DType dtype, Bytes rows, std::uint64_t row_bytes, std::uint32_t row_count,
                    std::uint64_t cols, MutBytes units);

/// Inverse of pack_row_group for the unpadded part.
void unpack_row_group(DType dtype, Bytes units, std::uint32_t row_count, std::uint64_t cols,
                      std::uint64_t row_bytes, MutBytes rows);

/// out[k] = value (r, k) of one unit, k < out.size() <= unit_cols, with dequantize_row's bits.
/// Requires: `unit` holds unit_bytes; row < 16; the dtype is packed and not U8Affine, whose range
/// is not in the unit.
void dequantize_unit_row(DType dtype, Bytes unit, std::uint32_t row, std::span<float> out);

}  // namespace pxos::tensor
