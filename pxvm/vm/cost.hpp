#pragma once
// What one tensor operation must move and compute, from the shapes of its operands: every operand
// once, a matmul all of its weights, a gather its rows, attention the rows of both caches that it
// can see. For profiles; private to vm.

#include "pxvm/tensor/ops.hpp"
#include "pxvm/vm/profile.hpp"
#include "pxvm/vm/row_op.hpp"

namespace pxos::vm {

[[nodiscard]] OpCost cost_of(const RowOp& op);
[[nodiscard]] OpCost cost_of(const tensor::MatmulTarget& target, const tensor::ConstMatF32& x);
[[nodiscard]] OpCost gather_cost(const tensor::PackedTensor& table, const tensor::MatF32& out);
/// Two products (q k and p v) over the positions each query sees; a window is not counted off.
[[nodiscard]] OpCost attention_cost(const tensor::ConstMatF32& q, const tensor::KvCache& k,
                                    std::int64_t pos);

}  // namespace pxos::vm
