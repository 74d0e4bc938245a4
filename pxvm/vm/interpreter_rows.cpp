// Row operations, alone and in groups.

#include "pxvm/vm/cost.hpp"
#include "pxvm/vm/interpreter.hpp"
#include "pxvm/vm/views.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace pxos::vm {
namespace {

/// Elements of a chunk of rows: a few rows of everything that a group touches stay in the second
/// cache, and handing a chunk over costs little beside computing it.
constexpr std::int64_t kChunkElements = 8192;

float float_of(std::uint64_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}

}  // namespace

bool Interpreter::resolve(const Record& i, RowOp& op) {
  op.action = i.action;
  switch (i.action) {
    case Action::kRope:
    case Action::kRopeBy:
      return resolve_rope(i, op);
    case Action::kKvAppend:
      return resolve_kvappend(i, op);
    case Action::kFill:
      op.d = matrix(t(i.d));
      op.factor = f32_at(i.b);
      return true;
    case Action::kRmsNorm:
      op.factor = float_of(linked_.consts[static_cast<std::size_t>(i.imm)]);
      op.row = flat(t(i.b));
      break;
    case Action::kLayerNorm:
      op.factor = float_of(linked_.consts[static_cast<std::size_t>(i.imm)]);
      op.row = flat(t(i.b));
      op.bias = flat(t(i.c));
      break;
    case Action::kHeadNorm:
      op.factor = linked_.attrs[static_cast<std::size_t>(i.imm)].norm_eps;
      op.row = flat(t(i.b));
      break;
    case Action::kAddRow:
      op.row = flat(t(i.b));
      break;
    case Action::kScale:
    case Action::kSoftCap:
      op.factor = f32_at(i.b);
      break;
    case Action::kAdd:
    case Action::kMul:
    case Action::kSiluMul:
    case Action::kGeluMul:
      op.b = const_matrix(t(i.b));
      break;
    default:
      break;
  }
  op.d = matrix(t(i.d));
  op.a = const_matrix(t(i.a));
  return true;
}

bool Interpreter::resolve_rope(const Record& i, RowOp& op) {
  constexpr std::int64_t kMaxPosition = 1 << 24;
  const auto attr = static_cast<std::size_t>(i.imm);
  const tensor::RopeParams& params = linked_.attrs[attr].rope;
  const tensor::MatF32 x = matrix(t(i.d));
  const std::int64_t pos = i64(i.a);
  if (pos < 0 || pos > kMaxPosition - x.rows) {
    return trap(TrapKind::kOutOfBounds, fmt::format("position {} + {} rows", pos, x.rows));
  }
  std::span<const float> factors;
  if (i.action == Action::kRopeBy) {
    factors = flat(t(i.b));
    const auto usable = [](float factor) {
      return factor >= tensor::kMinRopeFactor && factor <= std::numeric_limits<float>::max();
    };
    const auto pairs = static_cast<std::size_t>(params.dims / 2);
    if (factors.size() != pairs || !std::all_of(factors.begin(), factors.end(), usable)) {
      return trap(
          TrapKind::kOutOfBounds,
          fmt::format("{} frequency factors for {} pairs, each to be finite and at least {}",
                      factors.size(), pairs, tensor::kMinRopeFactor));
    }
  }
  op.d = x;
  op.pos = pos;
  op.rope = &params;
  return find_rotations(attr, factors, op);
}

bool Interpreter::find_rotations(std::size_t attr, std::span<const float> factors, RowOp& op) {
  constexpr std::int64_t kFirstTable = 512;
  constexpr std::int64_t kMostEntries = std::int64_t{1} << 22;  // 16 MiB
  const tensor::RopeParams& params = *op.rope;
  Machine::RopeTable& table = machine_.rope_tables_[attr];
  // The factors are compared, not remembered by place: a program may compute them.
  if (!std::equal(factors.begin(), factors.end(), table.factors.begin(), table.factors.end())) {
    table.factors.assign(factors.begin(), factors.end());
    table.entries.clear();
    table.window.clear();
  }
  const std::int64_t end = op.pos + op.d.rows, most = kMostEntries / params.dims;
  if (end <= most) {
    auto rows = static_cast<std::int64_t>(table.entries.size()) / params.dims;
    // Doubles: every entry is a function of its position only, so growth keeps all bits.
    const bool grows = end > rows;
    for (rows = std::max(std::min(kFirstTable, most), rows); rows < end;) rows *= 2;
    if (grows) table.entries.resize(static_cast<std::size_t>(rows * params.dims));
    op.rope_table = table.entries;
    return !grows || make_rotations(table, params, 0, table.entries);
  }
  // A position is the guest's to choose: what lies before it costs neither memory nor time.
  const std::size_t wanted = static_cast<std::size_t>(op.d.rows * params.dims);
  const bool same = table.window_first == op.pos && table.window.size() == wanted;
  if (!same) table.window.resize(wanted);
  table.window_first = op.pos;
  op.pos = 0;
  op.rope_table = table.window;
  return same || make_rotations(table, params, table.window_first, table.window);
}

bool Interpreter::make_rotations(const Machine::RopeTable& table, const tensor::RopeParams& params,
                                 std::int64_t first, std::vector<float>& entries) {
  const auto row = static_cast<std::size_t>(params.dims);
  const std::size_t piece = std::max<std::size_t>(1, 65'536 / row) * row;  // a millisecond or two
  for (std::size_t at = 0; at < entries.size(); at += piece) {
    if (!go_on()) {
      entries.clear();
      return false;
    }
    const std::span<float> part(entries.data() + at, std::min(piece, entries.size() - at));
    tensor::rope_table(params, first + static_cast<std::int64_t>(at / row), part, table.factors);
  }
  return true;
}

bool Interpreter::resolve_kvappend(const Record& i, RowOp& op) {
  op.a = const_matrix(t(i.a));
  op.cache = cache_of(t(i.d));
  op.pos = i64(i.b);
  if (op.pos < 0 || op.pos > op.cache.rows - op.a.rows) {
    return trap(TrapKind::kOutOfBounds, fmt::format("rows {}..{} of a cache of {}", op.pos,
                                                    op.pos + op.a.rows, op.cache.rows));
  }
  return true;
}

bool Interpreter::op_row(const Record& i) {
  RowOp op;
  if (!resolve(i, op) || !charge(work_of(op))) return false;
  add_cost(cost_of(op));
  return kernel([&] { return apply(context_, op, 0, op.rows()); });
}

bool Interpreter::resolve(const Group& group, BoundGroup& bound) {
  for (std::size_t pc = group.first; pc < group.end; ++pc) {
    const Record& i = plan_.plain[pc];
    if (i.action == Action::kBind) {
      if (!op_bind(i)) return false;
    } else if (i.action == Action::kMatmul) {
      // A later bind may reuse the register: what is kept is what it means here.
      const tensor::PackedTensor& w = *t(i.a).packed;
      bound.x = const_matrix(t(i.b));
      bound.product_list[bound.products++] = {&w, matrix(t(i.d))};
      bound.fuel += fuel_of(work(bound.x.rows, w.rows, w.cols));
    } else {
      RowOp& op = bound.row_list[bound.rows++];
      if (!resolve(i, op)) return false;
      bound.fuel += fuel_of(work_of(op));
    }
  }
  return bound.fuel <= fuel_left_;
}

bool Interpreter::run_group(const Group& group, std::size_t& pc) {
  BoundGroup bound;
  if (!resolve(group, bound)) {
    // Nothing has run yet but binds. They are made again, and no member in front of one uses its
    // register (plan.cpp).
    machine_.trap_ = {};
    return run_one_by_one(group, pc);
  }
  fuel_left_ -= bound.fuel;
  machine_.fuel_used_ += bound.fuel;
  if (machine_.options_.profile != nullptr) {
    for (std::size_t k = 0; k < bound.rows; ++k) add_cost(cost_of(bound.row_list[k]));
    for (std::size_t k = 0; k < bound.products; ++k)
      add_cost(cost_of(bound.product_list[k], bound.x));
  }
  return kernel([&] { return run_fused(bound); });
}

bool Interpreter::run_one_by_one(const Group& group, std::size_t& pc) {
  for (pc = group.first; pc < group.end; ++pc) {
    const Record& i = plan_.plain[pc];
    const bool done = i.action == Action::kBind     ? op_bind(i)
                      : i.action == Action::kMatmul ? op_matmul(i)
                                                    : op_row(i);
    if (!done) return false;
  }
  return true;
}

bool Interpreter::run_fused(BoundGroup& bound) {
  if (bound.products == 0) return run_rows(bound);
  const std::span<const tensor::MatmulTarget> targets(bound.product_list.data(), bound.products);
  if (bound.rows == 0) return tensor::matmul(context_, bound.x, targets);
  auto make_x = [&](std::int64_t first, std::int64_t count) { make_rows(bound, first, count); };
  return tensor::matmul(context_, bound.x, targets, make_x);
}

// Operation by operation over a few rows: what one writes the next finds in the cache.
void Interpreter::make_rows(const BoundGroup& bound, std::int64_t first, std::int64_t count) {
  for (std::size_t k = 0; k < bound.rows; ++k) {
    if (!apply(inline_context_, bound.row_list[k], first, count)) return;
  }
}

bool Interpreter::run_rows(const BoundGroup& bound) {
  std::int64_t cols = 1;
  for (std::size_t k = 0; k < bound.rows; ++k) cols = std::max(cols, bound.row_list[k].cols());
  const std::int64_t rows = bound.row_list.front().rows();
  const std::int64_t per_chunk = std::max<std::int64_t>(1, kChunkElements / cols);
  auto chunk = [&](std::size_t index, std::size_t) {
    const std::int64_t first = static_cast<std::int64_t>(index) * per_chunk;
    make_rows(bound, first, std::min(per_chunk, rows - first));
  };
  context_.pool.run(static_cast<std::size_t>((rows + per_chunk - 1) / per_chunk), chunk);
  return !context_.stop.load(std::memory_order_relaxed);
}

}  // namespace pxos::vm
