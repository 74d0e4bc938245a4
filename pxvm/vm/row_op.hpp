#pragma once
// A tensor instruction that works row by row, with its operands resolved: row t of the result comes
// from row t of the operands. So a run of them can be computed for a few rows at a time, one after
// the other, while those rows are in the cache. Private to vm.

#include "pxvm/tensor/ops.hpp"
#include "pxvm/vm/plan.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace pxos::vm {

struct RowOp {
  Action action = Action::kFill;
  tensor::MatF32 d;       ///< [T, C]; not of kvappend
  tensor::ConstMatF32 a;  ///< [T, C]; not of fill and rope
  tensor::ConstMatF32 b;  ///< [T, C]; of add, mul and silumul
  /// [C] of addrow and the norms, [head_dim] of headnorm, which is as long as a head.
  std::span<const float> row;
  std::span<const float> bias;  ///< [C]; of layernorm
  float factor = 0;             ///< of scale, fill and softcap; eps of the norms
  std::int64_t pos = 0;         ///< of rope and kvappend: position of row 0
  const tensor::RopeParams* rope = nullptr;
  std::span<const float> rope_table;
  tensor::KvCache cache;  ///< of kvappend

  [[nodiscard]] std::int64_t rows() const { return action == Action::kKvAppend ? a.rows : d.rows; }
  [[nodiscard]] std::int64_t cols() const { return action == Action::kKvAppend ? a.cols : d.cols; }
};

/// step(first, count) for portions of so many elements, between which the program can be stopped.
template <class Step>
bool in_portions(const tensor::OpContext& context, std::size_t elements, Step step) {
  constexpr std::size_t kPortion = std::size_t{1} << 20U;
  for (std::size_t first = 0; first < elements; first += kPortion) {
    if (context.stop.load(std::memory_order_relaxed)) return false;
    step(first, std::min(kPortion, elements - first));
  }
  return true;
}

/// Multiply-adds that the operation is charged for, all rows.
[[nodiscard]] std::uint64_t work_of(const RowOp& op);

/// Rows first .. first + count - 1, with the arithmetic of ops.hpp. False when stopped.
bool apply(tensor::OpContext& context, const RowOp& op, std::int64_t first, std::int64_t count);

}  // namespace pxos::vm
