#pragma once
// Tensors whose canonical bytes are another file's bytes in another order or with another value:
// what the importers of formats other than GGUF need. Each reader is pure; `bytes` is kept.

#include "cartridges/import/model_file.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace pxos::cartridges {

/// The bytes as they are.
[[nodiscard]] ReadCanonical read_in_place(std::string name, Bytes bytes);

/// Bytes that nobody else owns.
[[nodiscard]] ReadCanonical read_owned(std::string name, ByteVector bytes);

/// Query or key rows from "halves of a head" to "neighbours", the order llama's GGUF files have:
/// out row h*d + 2*i + j = row h*d + j*(d/2) + i of `bytes`, for head h of d = head_rows rows,
/// i < d/2, j < 2. A rotation of pairs (x[i], x[i + d/2]) becomes one of (x[2i], x[2i+1]).
/// Requires: head_rows even, bytes.size() a multiple of head_rows * row_bytes.
[[nodiscard]] ReadCanonical read_interleaved(std::string name, Bytes bytes, std::uint64_t row_bytes,
                                             std::uint64_t head_rows);

/// The transpose: out[rows, cols] of `bytes` [cols, rows], elements of `element_bytes`.
struct TransposedShape {
  std::uint64_t rows = 0, cols = 0, element_bytes = 0;
};
[[nodiscard]] ReadCanonical read_transposed(std::string name, Bytes bytes,
                                            const TransposedShape& shape);

/// f32 bytes, little-endian, for read_owned.
[[nodiscard]] ByteVector f32_bytes(std::span<const float> values);

}  // namespace pxos::cartridges
