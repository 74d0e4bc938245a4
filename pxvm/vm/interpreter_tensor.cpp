// Tensor instructions that are not row by row: each op_ function turns registers into views, makes
// the one run-time check its opcode leaves open and calls the operation in pxvm/tensor.

#include "pxvm/vm/cost.hpp"
#include "pxvm/vm/interpreter.hpp"
#include "pxvm/vm/views.hpp"

#include <algorithm>
#include <cmath>

namespace pxos::vm {

using tensor::ConstMatF32;
using tensor::KvCache;

bool Interpreter::op_bind(const Record& i) {
  const auto decl = static_cast<std::size_t>(i.imm);
  if (const Result<void> bound = machine_.bind_view(decl, i64(i.a), t(i.d)); !bound)
    return trap(TrapKind::kOutOfBounds, bound.error().message);
  return true;
}

bool Interpreter::op_rows(const Record& i, std::int64_t first) {
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

bool Interpreter::op_matmul(const Record& i) {
  const tensor::PackedTensor& w = *t(i.a).packed;
  const ConstMatF32 x = const_matrix(t(i.b));
  const tensor::MatmulTarget target{&w, matrix(t(i.d))};
  if (!charge(work(x.rows, w.rows, w.cols))) return false;
  if (machine_.options_.profile != nullptr) profile().show_product(w, x);
  add_cost(cost_of(target, x));
  return kernel([&] { return tensor::matmul(context_, x, {&target, 1}); });
}

bool Interpreter::op_matmul_f32(const Record& i) {
  const ConstMatF32 w = const_matrix(t(i.a));
  const ConstMatF32 x = const_matrix(t(i.b));
  const tensor::MatF32 y = matrix(t(i.d));
  if (w.cols > kMaxProductColumns) {
    return trap(TrapKind::kOutOfBounds,
                fmt::format("a product of {} columns, at most {}", w.cols, kMaxProductColumns));
  }
  if (!charge(work(x.rows, w.rows, w.cols))) return false;
  add_cost({.tensor_bytes =
                work(x.rows + w.rows, x.cols, sizeof(float)) + work(y.rows, y.cols, sizeof(float)),
            .multiply_adds = work(x.rows, w.rows, w.cols)});
  return kernel([&] { return tensor::matmul_f32(context_, w, x, y); });
}

bool Interpreter::op_gather(const Record& i) {
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
  if (!charge(work(source.dims[0], table.cols))) return false;
  const tensor::MatF32 out = matrix(t(i.d));
  add_cost(gather_cost(table, out));
  return kernel([&] { return tensor::gather_rows(context_, table, ids, out); });
}

bool Interpreter::op_iota(const Record& i) {
  constexpr std::int64_t kEnd = std::int64_t{1} << 31;
  const TensorView& target = t(i.d);
  const std::int64_t first = i64(i.a);
  const std::int64_t count = target.dims[0];
  if (first < -kEnd || first > kEnd - count)
    return trap(TrapKind::kOutOfBounds,
                fmt::format("{} numbers from {} are not all i32", count, first));
  if (!charge(work(count))) return false;
  add_cost({.tensor_bytes = work(count, sizeof(std::int32_t))});
  return kernel([&] {
    auto* out = reinterpret_cast<std::int32_t*>(target.data);
    return in_portions(context_, static_cast<std::size_t>(count),
                       [&](std::size_t at, std::size_t size) {
                         for (std::size_t n = at; n < at + size; ++n)
                           out[n] = static_cast<std::int32_t>(first + static_cast<std::int64_t>(n));
                       });
  });
}

bool Interpreter::op_mean_rows(const Record& i) {
  const ConstMatF32 x = const_matrix(t(i.a));
  if (x.rows == 0) return trap(TrapKind::kOutOfBounds, "mean of 0 rows");
  if (!charge(work(x.rows, x.cols))) return false;
  add_cost({.tensor_bytes = work(x.rows + 1, x.cols, sizeof(float))});
  return kernel([&] { return tensor::mean_rows(context_, x, matrix(t(i.d))); });
}

bool Interpreter::op_attention(const Record& i) {
  const tensor::AttentionParams& params = linked_.attrs[static_cast<std::size_t>(i.imm)].attention;
  const ConstMatF32 q = const_matrix(t(i.a));
  const KvCache k = cache_of(t(i.b));
  const std::int64_t pos = i64(i.e);
  if (pos < 0 || pos > k.rows - q.rows) {
    return trap(TrapKind::kOutOfBounds,
                fmt::format("rows {}..{} of a cache of {}", pos, pos + q.rows, k.rows));
  }
  if (!charge(work(q.rows, pos + q.rows, q.cols))) return false;
  add_cost(attention_cost(q, k, pos));
  return kernel([&] {
    return tensor::attention(context_, params, q, k, cache_of(t(i.c)), pos, matrix(t(i.d)));
  });
}

bool Interpreter::op_topk(const Record& i) {
  const TensorView& ids = t(i.d);
  const std::span<const float> x = flat(t(i.b));
  const auto k = static_cast<std::size_t>(ids.elements());
  constexpr std::size_t kMost = 65'536;  // sorting them is not interrupted
  if (k > x.size())
    return trap(TrapKind::kOutOfBounds, fmt::format("the {} largest of {}", k, x.size()));
  if (k > kMost)
    return trap(TrapKind::kOutOfBounds, fmt::format("the {} largest, at most {}", k, kMost));
  if (!charge(x.size())) return false;
  add_cost({.tensor_bytes = x.size_bytes() + 2 * k * sizeof(float)});
  return kernel([&] {
    return tensor::top_k(context_.stop, x, {reinterpret_cast<std::int32_t*>(ids.data), k},
                         {reinterpret_cast<float*>(t(i.a).data), k});
  });
}

bool Interpreter::op_reduce(const Record& i) {
  const std::span<const float> x = flat(t(i.a));
  if (x.empty()) return trap(TrapKind::kOutOfBounds, "reduction of 0 elements");
  if (!charge(x.size())) return false;
  add_cost({.tensor_bytes = x.size_bytes()});
  return kernel(
      [&] { return i.action == Action::kArgMax ? find_largest(i, x) : find_range(i, x); });
}

bool Interpreter::find_largest(const Record& i, std::span<const float> x) {
  std::int64_t best = 0;
  const bool done = in_portions(context_, x.size(), [&](std::size_t at, std::size_t size) {
    std::int32_t id = 0;
    float value = 0;
    if (!tensor::top_k(context_.stop, x.subspan(at, size), {&id, 1}, {&value, 1})) return;
    const float before = x[static_cast<std::size_t>(best)];
    const bool better = std::isnan(before) ? !std::isnan(value) : value > before;
    if (better) best = static_cast<std::int64_t>(at) + id;
  });
  if (done) r(i.d) = static_cast<std::uint64_t>(best);
  return done && !context_.stop.load(std::memory_order_relaxed);
}

bool Interpreter::find_range(const Record& i, std::span<const float> x) {
  tensor::MinMax all;
  const bool done = in_portions(context_, x.size(), [&](std::size_t at, std::size_t size) {
    const tensor::MinMax part = tensor::min_max(x.subspan(at, size));
    if (!part.found) return;
    all.min = all.found ? std::min(all.min, part.min) : part.min;
    all.max = all.found ? std::max(all.max, part.max) : part.max;
    all.found = true;
  });
  if (done) set_f32(i.d, i.action == Action::kRMin ? all.min : all.max);
  return done;
}

}  // namespace pxos::vm
