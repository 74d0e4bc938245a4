// Tensor instructions: each op_ function turns registers into views, makes the one run-time check
// its opcode leaves open (opcodes.def says which) and calls the operation in pxvm/tensor.

#include "pxvm/vm/interpreter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pxos::vm {
namespace {

using isa::Opcode;
using tensor::ConstMatF32;
using tensor::KvCache;
using tensor::MatF32;

/// A rank-2 view as a matrix (the verifier proved rank and element type).
MatF32 matrix(const TensorView& view) {
  return {reinterpret_cast<float*>(view.data), view.dims[0], view.dims[1], view.dims[1]};
}
ConstMatF32 const_matrix(const TensorView& view) {
  return {reinterpret_cast<const float*>(view.data), view.dims[0], view.dims[1], view.dims[1]};
}
KvCache cache_of(const TensorView& view) {
  return {view.data, view.is_wide, view.dims[0], view.dims[1], view.dims[1]};
}
/// All elements of a plain f32 view, whatever its rank.
std::span<const float> flat(const TensorView& view) {
  return {reinterpret_cast<const float*>(view.data), static_cast<std::size_t>(view.elements())};
}

std::uint64_t work(std::int64_t a, std::int64_t b = 1, std::int64_t c = 1) {
  return static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b) *
         static_cast<std::uint64_t>(c);
}

}  // namespace

bool Interpreter::execute_tensor(const Instruction& i) {
  switch (i.opcode()) {
    case Opcode::kBind:
      return op_bind(i);
    case Opcode::kTail:
      return op_rows(i, t(i.a).dims[0] - t(i.d).dims[0]);
    case Opcode::kRows:
      return op_rows(i, i64(i.b));
    case Opcode::kMatmul:
      return op_matmul(i);
    case Opcode::kGather:
      return op_gather(i);
    case Opcode::kRmsNorm:
      return op_rmsnorm(i);
    case Opcode::kSoftmax: {
      const ConstMatF32 x = const_matrix(t(i.a));
      return charge(work(x.rows, x.cols, 8)) &&
             finished(tensor::softmax_rows(context_, x, matrix(t(i.d))));
    }
    case Opcode::kMeanRows: {
      const ConstMatF32 x = const_matrix(t(i.a));
      if (x.rows == 0) return trap(TrapKind::kOutOfBounds, "mean of 0 rows");
      return charge(work(x.rows, x.cols)) &&
             finished(tensor::mean_rows(context_, x, matrix(t(i.d))));
    }
    case Opcode::kRMin:
    case Opcode::kRMax:
    case Opcode::kArgMax:
      return op_reduce(i);
    case Opcode::kRope:
      return op_rope(i);
    case Opcode::kKvAppend:
      return op_kvappend(i);
    case Opcode::kAttention:
      return op_attention(i);
    case Opcode::kTopK:
      return op_topk(i);
    default:
      return op_elementwise(i);
  }
}

bool Interpreter::op_bind(const Instruction& i) {
  auto view = machine_.make_view(static_cast<std::size_t>(i.imm), i64(i.a));
  if (!view) return trap(TrapKind::kOutOfBounds, std::move(view.error().message));
  t(i.d) = *view;
  return true;
}

bool Interpreter::op_rows(const Instruction& i, std::int64_t first) {
  const TensorView& source = t(i.a);
  TensorView& target = t(i.d);
  const std::int64_t count = target.dims[0];
  if (first < 0 || first > source.dims[0] - count) {
    return trap(TrapKind::kOutOfBounds,
                fmt::format("rows {}..{} of {}", first, first + count, source.dims[0]));
  }
  target.data = source.data + static_cast<std::uint64_t>(first * source.dims[1]) * sizeof(float);
  return true;
}

bool Interpreter::op_matmul(const Instruction& i) {
  const tensor::PackedTensor& w = *t(i.a).packed;
  const ConstMatF32 x = const_matrix(t(i.b));
  const tensor::MatmulTarget target{&w, matrix(t(i.d))};
  return charge(work(x.rows, w.rows, w.cols)) &&
         finished(tensor::matmul(context_, x, {&target, 1}));
}

bool Interpreter::op_gather(const Instruction& i) {
  const tensor::PackedTensor& table = *t(i.a).packed;
  const TensorView& source = t(i.b);
  const std::span<const std::int32_t> ids(reinterpret_cast<const std::int32_t*>(source.data),
                                          static_cast<std::size_t>(source.dims[0]));
  for (std::size_t k = 0; k < ids.size(); ++k) {
    if (ids[k] < 0 || ids[k] >= table.rows) {
      return trap(TrapKind::kOutOfBounds, fmt::format("id {} at position {}, the table has {} rows",
                                                      ids[k], k, table.rows));
    }
  }
  return charge(work(source.dims[0], table.cols)) &&
         finished(tensor::gather_rows(context_, table, ids, matrix(t(i.d))));
}

bool Interpreter::op_rmsnorm(const Instruction& i) {
  const ConstMatF32 x = const_matrix(t(i.a));
  const auto eps = std::bit_cast<float>(
      static_cast<std::uint32_t>(linked_.consts[static_cast<std::size_t>(i.imm)]));
  return charge(work(x.rows, x.cols, 2)) &&
         finished(tensor::rmsnorm(context_, x, flat(t(i.b)), eps, matrix(t(i.d))));
}

bool Interpreter::op_rope(const Instruction& i) {
  constexpr std::int64_t kMaxPosition = 1 << 24;
  constexpr std::int64_t kFirstTable = 512;
  const tensor::RopeParams& params = linked_.attrs[static_cast<std::size_t>(i.imm)].rope;
  const MatF32 x = matrix(t(i.d));
  const std::int64_t pos = i64(i.a);
  if (pos < 0 || pos > kMaxPosition - x.rows) {
    return trap(TrapKind::kOutOfBounds, fmt::format("position {} + {} rows", pos, x.rows));
  }
  std::vector<float>& table = machine_.rope_tables_[static_cast<std::size_t>(i.imm)];
  auto rows = static_cast<std::int64_t>(table.size()) / params.dims;
  if (pos + x.rows >
      rows) {  // doubles: every entry is a function of its position only, so growth keeps all bits
    rows = std::max(kFirstTable, rows);
    while (rows < pos + x.rows) rows *= 2;
    table.resize(static_cast<std::size_t>(rows * params.dims));
    tensor::rope_table(params, rows, table);
  }
  return charge(work(x.rows, x.cols, 2)) && finished(tensor::rope(context_, params, table, pos, x));
}

bool Interpreter::op_kvappend(const Instruction& i) {
  const ConstMatF32 x = const_matrix(t(i.a));
  const KvCache cache = cache_of(t(i.d));
  const std::int64_t pos = i64(i.b);
  if (pos < 0 || pos > cache.rows - x.rows) {
    return trap(TrapKind::kOutOfBounds,
                fmt::format("rows {}..{} of a cache of {}", pos, pos + x.rows, cache.rows));
  }
  return charge(work(x.rows, x.cols)) && finished(tensor::kv_append(context_, x, pos, cache));
}

bool Interpreter::op_attention(const Instruction& i) {
  const tensor::AttentionParams& params =
      linked_.attrs[static_cast<std::size_t>(i.imm & 0xffff)].attention;
  const ConstMatF32 q = const_matrix(t(i.a));
  const KvCache k = cache_of(t(i.b));
  const std::int64_t pos = i64(static_cast<std::uint8_t>(static_cast<std::uint32_t>(i.imm) >> 16U));
  if (pos < 0 || pos > k.rows - q.rows) {
    return trap(TrapKind::kOutOfBounds,
                fmt::format("rows {}..{} of a cache of {}", pos, pos + q.rows, k.rows));
  }
  return charge(work(q.rows, pos + q.rows, q.cols)) &&
         finished(tensor::attention(context_, params, q, k, cache_of(t(i.c)), pos, matrix(t(i.d))));
}

bool Interpreter::op_topk(const Instruction& i) {
  const TensorView& ids = t(i.d);
  const std::span<const float> x = flat(t(i.b));
  const auto k = static_cast<std::size_t>(ids.elements());
  if (k > x.size())
    return trap(TrapKind::kOutOfBounds, fmt::format("the {} largest of {}", k, x.size()));
  tensor::top_k(x, {reinterpret_cast<std::int32_t*>(ids.data), k},
                {reinterpret_cast<float*>(t(i.a).data), k});
  return charge(x.size());
}

bool Interpreter::op_reduce(const Instruction& i) {
  const std::span<const float> x = flat(t(i.a));
  if (x.empty()) return trap(TrapKind::kOutOfBounds, "reduction of 0 elements");
  if (i.opcode() == Opcode::kArgMax) {
    std::int32_t id = 0;
    float value = 0;
    tensor::top_k(x, {&id, 1}, {&value, 1});
    r(i.d) = static_cast<std::uint64_t>(static_cast<std::int64_t>(id));
  } else {
    const tensor::MinMax range = tensor::min_max(x);
    set_f32(i.d, i.opcode() == Opcode::kRMin ? range.min : range.max);
  }
  return charge(x.size());
}

bool Interpreter::op_elementwise(const Instruction& i) {
  const MatF32 out = matrix(t(i.d));
  if (!charge(work(out.rows, out.cols))) return false;
  switch (i.opcode()) {
    case Opcode::kAdd:
      return finished(tensor::add(context_, const_matrix(t(i.a)), const_matrix(t(i.b)), out));
    case Opcode::kMul:
      return finished(tensor::mul(context_, const_matrix(t(i.a)), const_matrix(t(i.b)), out));
    case Opcode::kAddRow:
      return finished(tensor::add_row(context_, const_matrix(t(i.a)), flat(t(i.b)), out));
    case Opcode::kScale:
      return finished(tensor::scale(context_, const_matrix(t(i.a)), f32(i.b), out));
    case Opcode::kRelu:
      return finished(tensor::relu(context_, const_matrix(t(i.a)), out));
    case Opcode::kSiluMul:
      return finished(tensor::silu_mul(context_, const_matrix(t(i.a)), const_matrix(t(i.b)), out));
    case Opcode::kCopy:
      std::memmove(out.data, t(i.a).data, work(out.rows, out.cols) * sizeof(float));
      return true;
    case Opcode::kFill:
      std::fill_n(out.data, work(out.rows, out.cols), f32(i.b));
      return true;
    default:
      PX_ASSERT(!"verified code has no other tensor opcode");
      return false;
  }
}

}  // namespace pxos::vm
