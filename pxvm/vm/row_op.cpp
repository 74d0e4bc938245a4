#include "pxvm/vm/row_op.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::vm {
namespace {

template <class T>
tensor::Matrix<T> rows_of(const tensor::Matrix<T>& all, std::int64_t first, std::int64_t count) {
  return {all.data + first * all.stride, count, all.cols, all.stride};
}

}  // namespace

std::uint64_t work_of(const RowOp& op) {
  const std::uint64_t elements =
      static_cast<std::uint64_t>(op.rows()) * static_cast<std::uint64_t>(op.cols());
  switch (op.action) {
    case Action::kRmsNorm:
    case Action::kHeadNorm:
    case Action::kRope:
    case Action::kRopeBy:
      return elements * 2;
    case Action::kLayerNorm:
      return elements * 4;
    case Action::kGelu:
    case Action::kGeluMul:
    case Action::kGeluErf:
    case Action::kSoftCap:
    case Action::kSoftmax:
      return elements * 8;
    default:
      return elements;
  }
}

bool apply(tensor::OpContext& context, const RowOp& op, std::int64_t first, std::int64_t count) {
  const auto a = rows_of(op.a, first, count);
  const auto b = rows_of(op.b, first, count);
  const auto d = rows_of(op.d, first, count);
  const auto elements = static_cast<std::size_t>(count * op.cols());
  switch (op.action) {
    case Action::kAdd:
      return tensor::add(context, a, b, d);
    case Action::kMul:
      return tensor::mul(context, a, b, d);
    case Action::kAddRow:
      return tensor::add_row(context, a, op.row, d);
    case Action::kScale:
      return tensor::scale(context, a, op.factor, d);
    case Action::kRelu:
      return tensor::relu(context, a, d);
    case Action::kSiluMul:
      return tensor::silu_mul(context, a, b, d);
    case Action::kGelu:
      return tensor::gelu(context, a, d);
    case Action::kGeluMul:
      return tensor::gelu_mul(context, a, b, d);
    case Action::kGeluErf:
      return tensor::gelu_erf(context, a, d);
    case Action::kSoftCap:
      return tensor::softcap(context, a, op.factor, d);
    case Action::kCopy:
      return in_portions(context, elements, [&](std::size_t at, std::size_t size) {
        std::memmove(d.data + at, a.data + at, size * sizeof(float));
      });
    case Action::kFill:
      return in_portions(context, elements, [&](std::size_t at, std::size_t size) {
        std::fill_n(d.data + at, size, op.factor);
      });
    case Action::kRmsNorm:
      return tensor::rmsnorm(context, a, op.row, op.factor, d);
    case Action::kHeadNorm:
      return tensor::head_norm(context, a, op.row, op.factor, d);
    case Action::kLayerNorm:
      return tensor::layernorm(context, a, {op.row, op.bias, op.factor}, d);
    case Action::kSoftmax:
      return tensor::softmax_rows(context, a, d);
    case Action::kRope:
    case Action::kRopeBy:
      return tensor::rope(context, *op.rope, op.rope_table, op.pos + first, d);
    case Action::kKvAppend:
      return tensor::kv_append(context, a, op.pos + first, op.cache);
    default:
      PX_ASSERT(!"the planner takes no other instruction for a row operation");
      return false;
  }
}

}  // namespace pxos::vm
