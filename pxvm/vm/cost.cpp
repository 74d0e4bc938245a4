#include "pxvm/vm/cost.hpp"

namespace pxos::vm {
namespace {

std::uint64_t u64(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

template <class T>
std::uint64_t bytes_of(const tensor::Matrix<T>& matrix) {
  return matrix.data == nullptr ? 0 : u64(matrix.rows) * u64(matrix.cols) * sizeof(float);
}

std::uint64_t cache_bytes(const tensor::KvCache& cache, std::int64_t rows) {
  return u64(rows) * u64(tensor::kv_row_bytes(cache.format, cache.cols));
}

std::uint64_t group_bytes(const tensor::PackedTensor& w) {
  return std::uint64_t{w.units_per_group} * tensor::info(w.dtype).unit_bytes;
}

}  // namespace

OpCost cost_of(const RowOp& op) {
  OpCost cost;
  cost.tensor_bytes = bytes_of(op.d) + bytes_of(op.a) + bytes_of(op.b) + op.row.size_bytes();
  cost.tensor_bytes += op.bias.size_bytes();
  if (op.rope != nullptr) cost.tensor_bytes += bytes_of(op.d);  // in place: read too
  if (op.action == Action::kKvAppend) cost.tensor_bytes += cache_bytes(op.cache, op.a.rows);
  return cost;
}

OpCost cost_of(const tensor::MatmulTarget& target, const tensor::ConstMatF32& x) {
  OpCost cost;
  cost.weight_bytes = u64(target.w->row_groups()) * group_bytes(*target.w);
  cost.tensor_bytes = bytes_of(x) + bytes_of(target.y);
  cost.multiply_adds = u64(target.w->rows) * u64(target.w->cols) * u64(x.rows);
  return cost;
}

OpCost gather_cost(const tensor::PackedTensor& table, const tensor::MatF32& out) {
  OpCost cost;
  cost.weight_bytes = u64(out.rows) * group_bytes(table) / tensor::kUnitRows;
  cost.tensor_bytes = bytes_of(out);
  return cost;
}

OpCost attention_cost(const tensor::ConstMatF32& q, const tensor::KvCache& k, std::int64_t pos) {
  OpCost cost;
  const std::uint64_t seen = u64(q.rows) * u64(pos) + u64(q.rows) * (u64(q.rows) + 1) / 2;
  cost.multiply_adds = 2 * seen * u64(q.cols);
  cost.tensor_bytes = 2 * bytes_of(q) + 2 * cache_bytes(k, pos + q.rows);
  return cost;
}

}  // namespace pxos::vm
