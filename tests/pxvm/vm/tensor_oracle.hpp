#pragma once
// What tensor instructions compute, by the equations of opcodes.def over plain vectors, element by
// element: intervals that must hold what a machine found (interval.hpp). It shares no arithmetic
// with pxvm; only the attribute records are its types.

#include "interval.hpp"
#include "pxvm/isa/opcodes.hpp"
#include "pxvm/tensor/ops.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace pxos::test {

using Floats = std::vector<float>;
using Intervals = std::vector<Interval>;

/// f16 bits as the number they are, and the nearest f16 of a number, half to even; a NaN is 0x7e00.
[[nodiscard]] float oracle_from_half(std::uint16_t bits);
[[nodiscard]] std::uint16_t oracle_to_half(float value);

/// A weight matrix taken apart: values, and for blocks the parts that integer products need.
struct OracleWeight {
  std::int64_t rows = 0, cols = 0;
  Floats values;           ///< [rows, cols], dequantised
  std::int64_t group = 0;  ///< columns that share a scale; 0: no blocks
  bool has_minimum = false;
  std::vector<int> levels;  ///< [rows, cols]
  Floats scales, minima;    ///< [rows, cols / group]
};

/// Operands of an instruction that makes row t from row t. Those it does not have are empty.
struct RowOperands {
  std::int64_t rows = 0, cols = 0;
  std::span<const float> a, b;       ///< [rows, cols]
  std::span<const float> row, bias;  ///< [cols]; headnorm: [head_dim]
  float factor = 0;                  ///< of scale and softcap; eps of the norms
};

/// Element-wise instructions, norms and softmax. Requires: one of those.
[[nodiscard]] Intervals oracle_rows(isa::Opcode opcode, const RowOperands& in);

/// d[t, n] = sum_k w[n, k] x[t, k]. Blocks: x per 32 values as int8, by docs/spec/determinism.md;
/// the products of integers are exact, so only the sum over groups is rounded.
[[nodiscard]] Intervals oracle_matmul(const OracleWeight& w, std::span<const float> x);

[[nodiscard]] Intervals oracle_mean(std::span<const float> x, std::int64_t cols);

struct RopeOperands {
  std::int64_t rows = 0;
  std::int64_t pos = 0;
  std::span<const float> x;        ///< [rows, heads * head_dim]
  std::span<const float> factors;  ///< of rope.by
};
[[nodiscard]] Intervals oracle_rope(const tensor::RopeParams& params, const RopeOperands& in);

struct AttentionOperands {
  std::int64_t rows = 0;
  std::int64_t pos = 0;
  std::span<const float> q;     ///< [rows, heads * head_dim]
  std::span<const float> k, v;  ///< [positions, kv_heads * head_dim], as the caches say
};
[[nodiscard]] Intervals oracle_attention(const tensor::AttentionParams& params,
                                         const AttentionOperands& in);

/// Indices of the k largest, descending; NaN behind every number, ties by index.
[[nodiscard]] std::vector<std::int32_t> oracle_top(std::span<const float> x, std::size_t k);

/// One row of a q8 cache of whole blocks: int8 per value, then an f16 factor per 32 of them.
[[nodiscard]] std::vector<std::uint8_t> oracle_q8_row(std::span<const float> x);
[[nodiscard]] Floats oracle_from_q8_row(std::span<const std::uint8_t> row, std::size_t cols);

}  // namespace pxos::test
