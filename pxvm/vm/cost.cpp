#include "pxvm/vm/cost.hpp"

#include <algorithm>

namespace pxos::vm {
namespace {

using isa::Instruction;
using isa::Opcode;
using isa::TensorDecl;

std::uint64_t unsigned_of(std::int64_t value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value));
}

std::uint64_t element_bytes(const TensorView& view) {
  switch (view.element) {
    case TensorDecl::Element::kF16:
      return view.is_wide ? 4 : 2;
    case TensorDecl::Element::kU8:
      return 1;
    case TensorDecl::Element::kWeight:
      return 0;
    default:
      return 4;
  }
}

/// Bytes of the first `rows` rows.
std::uint64_t row_bytes(const TensorView& view, std::int64_t rows) {
  return unsigned_of(std::min(rows, view.dims[0])) * unsigned_of(view.dims[1]) *
         element_bytes(view);
}

std::uint64_t group_bytes(const tensor::PackedTensor& w) {
  return std::uint64_t{w.units_per_group} * tensor::info(w.dtype).unit_bytes;
}

OpCost matmul_cost(const tensor::PackedTensor& w, std::int64_t tokens) {
  OpCost cost;
  cost.weight_bytes = unsigned_of(w.row_groups()) * group_bytes(w);
  cost.multiply_adds = unsigned_of(w.rows) * unsigned_of(w.cols) * unsigned_of(tokens);
  return cost;
}

/// Two products (q k and p v) over the positions that each query sees; windows are not counted off.
OpCost attention_cost(const TensorView& q, const TensorView& k, const TensorView& v,
                      std::int64_t pos) {
  OpCost cost;
  const std::uint64_t tokens = unsigned_of(q.dims[0]);
  const std::uint64_t seen = tokens * unsigned_of(pos) + tokens * (tokens + 1) / 2;
  cost.multiply_adds = 2 * seen * unsigned_of(q.dims[1]);
  cost.tensor_bytes = row_bytes(k, pos + q.dims[0]) + row_bytes(v, pos + q.dims[0]);
  return cost;
}

}  // namespace

OpCost operation_cost(const Instruction& i, const RegisterFile& registers) {
  const auto t = [&](std::uint8_t reg) -> const TensorView& { return registers.tensors[reg]; };
  OpCost cost;
  const isa::OpInfo* info = isa::find_opcode(i.family, i.op);
  for (const isa::Operand& operand : info->operand_list()) {
    const bool elements =
        isa::is_tensor(operand.kind) && operand.kind != isa::OperandKind::kViewSet;
    if (!elements || operand.kind == isa::OperandKind::kF16Read) continue;
    const TensorView& view =
        t(static_cast<std::uint8_t>(isa::field_value(i, *info, operand.field)));
    if (operand.kind != isa::OperandKind::kF16Write)
      cost.tensor_bytes += unsigned_of(view.elements()) * element_bytes(view);
  }
  switch (i.opcode()) {
    case Opcode::kMatmul:
      cost += matmul_cost(*t(i.a).packed, t(i.b).dims[0]);
      break;
    case Opcode::kGather:
      cost.weight_bytes = unsigned_of(t(i.b).dims[0]) * group_bytes(*t(i.a).packed) / 16;
      break;
    case Opcode::kKvAppend:
      cost.tensor_bytes += row_bytes(t(i.d), t(i.a).dims[0]);
      break;
    case Opcode::kAttention: {
      const auto pos_register = static_cast<std::uint32_t>(i.imm) >> 16U & 0xFFU;
      cost += attention_cost(t(i.a), t(i.b), t(i.c),
                             static_cast<std::int64_t>(registers.scalars[pos_register]));
      break;
    }
    default:
      break;
  }
  return cost;
}

}  // namespace pxos::vm
