// The tensor instructions of the checked machine: rectangles element by element, equations by
// tensor_oracle.hpp, fuel by docs/spec/machine.md.

#include "checked_machine.hpp"
#include "pxvm/vm/machine.hpp"

#include <bit>
#include <cstring>

namespace pxos::test {

using isa::Instruction;
using isa::Opcode;
using isa::TensorDecl;
using vm::TrapKind;

namespace {

std::uint8_t field_e(const Instruction& i) {
  return static_cast<std::uint8_t>(static_cast<std::uint32_t>(i.imm) >> 16U);
}
/// The immediate beside a field e.
std::size_t low_half(const Instruction& i) {
  return static_cast<std::uint32_t>(i.imm) & 0xFFFFU;
}

float float_of(std::uint64_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}

/// Work per element of an instruction that goes row by row.
std::int64_t weight_of(Opcode opcode) {
  switch (opcode) {
    case Opcode::kRmsNorm:
    case Opcode::kHeadNorm:
    case Opcode::kRope:
    case Opcode::kRopeBy:
      return 2;
    case Opcode::kLayerNorm:
      return 4;
    case Opcode::kGelu:
    case Opcode::kGeluMul:
    case Opcode::kGeluErf:
    case Opcode::kSoftCap:
    case Opcode::kSoftmax:
      return 8;
    default:
      return 1;
  }
}

}  // namespace

// ---- Operands.

Floats CheckedMachine::floats(const View& view) {
  Floats out;
  const std::int64_t count = length(view);
  for (std::int64_t n = 0; n < count && !broken_promise; ++n) {
    std::uint32_t bits = 0;
    for (int k = 0; k < 4; ++k)
      bits |= static_cast<std::uint32_t>(byte(view, 4 * n + k)) << (8 * k);
    out.push_back(std::bit_cast<float>(bits));
  }
  return out;
}

tensor::KvFormat CheckedMachine::format(const View& cache) const {
  const bool region = program_.tensors[cache.key.first].kind == TensorDecl::Kind::kRegion;
  return region ? world_.caches : tensor::KvFormat::kF16;
}

std::int64_t CheckedMachine::row_bytes(const View& cache) const {
  return tensor::kv_row_bytes(format(cache), cache.dims[1]);
}

/// The first `count` rows of a cache as numbers.
Floats CheckedMachine::cache_rows(const View& view, std::int64_t count) {
  Floats out;
  const std::int64_t bytes = row_bytes(view), cols = view.dims[1];
  for (std::int64_t row = 0; row < count && !broken_promise; ++row) {
    Buffer raw;
    for (std::int64_t k = 0; k < bytes; ++k) raw.push_back(byte(view, row * bytes + k));
    Floats values(static_cast<std::size_t>(cols));
    if (format(view) == tensor::KvFormat::kF32) std::memcpy(values.data(), raw.data(), raw.size());
    if (format(view) == tensor::KvFormat::kQ8)
      values = oracle_from_q8_row(raw, static_cast<std::size_t>(cols));
    for (std::size_t i = 0; format(view) == tensor::KvFormat::kF16 && i < values.size(); ++i)
      values[i] = oracle_from_half(static_cast<std::uint16_t>(raw[2 * i] + 256 * raw[2 * i + 1]));
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

void CheckedMachine::put_word(const View& view, std::int64_t index, std::uint32_t value) {
  for (int k = 0; k < 4; ++k)
    byte(view, 4 * index + k) = static_cast<std::uint8_t>(value >> (8 * k));
}

void CheckedMachine::expect(const View& view, Intervals values) {
  broken_promise |=
      view.buffer == nullptr || static_cast<std::int64_t>(values.size()) != length(view);
  pending = Pending{view.key, view.first * view.unit, std::move(values)};
}

// ---- Instructions.

void CheckedMachine::tensor(const Instruction& i) {
  switch (i.opcode()) {
    case Opcode::kMatmul:
    case Opcode::kMatmulF32:
    case Opcode::kMeanRows:
      return product(i);
    case Opcode::kGather:
      return gather(i);
    case Opcode::kFill:
    case Opcode::kCopy:
    case Opcode::kIota:
      return fill_tensor(i);
    case Opcode::kRope:
    case Opcode::kRopeBy:
      return rope(i);
    case Opcode::kKvAppend:
      return append(i);
    case Opcode::kAttention:
      return attention(i);
    case Opcode::kTopK:
    case Opcode::kArgMax:
    case Opcode::kRMin:
    case Opcode::kRMax:
      return select(i);
    default:
      return row_operation(i);
  }
}

void CheckedMachine::fill_tensor(const Instruction& i) {
  const View to = t(i.d);
  if (broken_promise) return;
  const std::int64_t count = length(to);
  constexpr std::int64_t kEnd = std::int64_t{1} << 31;
  const bool counts = i.opcode() == Opcode::kIota;
  const auto first = counts ? static_cast<std::int64_t>(r(i.a)) : 0;
  if (counts && (first < -kEnd || first > kEnd - count)) return stop(TrapKind::kOutOfBounds);
  if (!pay(count)) return;
  const Floats source = i.opcode() == Opcode::kCopy ? floats(t(i.a)) : Floats();
  for (std::int64_t n = 0; n < count && !broken_promise; ++n) {
    auto value = static_cast<std::uint32_t>(r(i.b));
    if (counts) value = static_cast<std::uint32_t>(first + n);
    if (i.opcode() == Opcode::kCopy)
      value = std::bit_cast<std::uint32_t>(source.at(static_cast<std::size_t>(n)));
    put_word(to, n, value);
  }
}

void CheckedMachine::product(const Instruction& i) {
  const View to = t(i.d), a = t(i.a);
  if (broken_promise) return;
  if (i.opcode() == Opcode::kMeanRows) {
    if (a.dims[0] == 0) return stop(TrapKind::kOutOfBounds);
    if (pay(length(a))) expect(to, oracle_mean(floats(a), a.dims[1]));
    return;
  }
  const View x = t(i.b);
  const bool plain_product = i.opcode() == Opcode::kMatmulF32;
  if (plain_product && a.dims[1] > 262'144) return stop(TrapKind::kOutOfBounds);
  if (!pay(x.dims[0] * a.dims[0] * a.dims[1])) return;
  if (i.opcode() == Opcode::kMatmul) {
    broken_promise |= a.matrix == nullptr;
    if (!broken_promise) expect(to, oracle_matmul(*a.matrix, floats(x)));
    return;
  }
  const OracleWeight plain{a.dims[0], a.dims[1], floats(a), 0, false, {}, {}, {}};
  expect(to, oracle_matmul(plain, floats(x)));
}

void CheckedMachine::gather(const Instruction& i) {
  const View to = t(i.d), table = t(i.a), ids = t(i.b);
  broken_promise |= table.matrix == nullptr;
  if (broken_promise) return;
  std::vector<std::int32_t> rows;
  for (const float bits : floats(ids)) rows.push_back(std::bit_cast<std::int32_t>(bits));
  for (const std::int32_t row : rows) {
    if (row < 0 || row >= table.dims[0]) return stop(TrapKind::kOutOfBounds);
  }
  if (!pay(ids.dims[0] * table.dims[1])) return;
  Intervals values;
  for (const std::int32_t row : rows) {
    for (std::int64_t k = 0; k < table.dims[1]; ++k) {
      const auto at = static_cast<std::size_t>(row * table.dims[1] + k);
      values.push_back(Interval::point(static_cast<double>(table.matrix->values.at(at))));
    }
  }
  expect(to, std::move(values));
}

void CheckedMachine::row_operation(const Instruction& i) {
  const View to = t(i.d), from = t(i.a);
  if (broken_promise) return;
  const Opcode opcode = i.opcode();
  const isa::OpInfo& info = *isa::find_opcode(i.family, i.op);
  if (!pay(length(to) * weight_of(opcode))) return;
  RowOperands in{to.dims[0], to.dims[1], {}, {}, {}, {}};
  const Floats a = floats(from);
  in.a = a;
  Floats b, c;
  if (const auto operand = info.operand_at(isa::Field::kB)) {
    if (operand->kind == isa::OperandKind::kScalarRead)
      in.factor = float_of(r(i.b));
    else
      b = floats(t(i.b));
    (operand->kind == isa::OperandKind::kVectorRead ? in.row : in.b) = b;
  }
  if (opcode == Opcode::kLayerNorm) c = floats(t(i.c));
  in.bias = c;
  const auto imm = static_cast<std::size_t>(i.imm);
  if (opcode == Opcode::kRmsNorm || opcode == Opcode::kLayerNorm)
    in.factor = float_of(consts_.at(imm));
  if (opcode == Opcode::kHeadNorm) in.factor = world_.linked.attrs.at(imm).norm_eps;
  if (!broken_promise) expect(to, oracle_rows(opcode, in));
}

void CheckedMachine::rope(const Instruction& i) {
  constexpr std::int64_t kPositions = 1 << 24;
  const View view = t(i.d);
  if (broken_promise) return;
  const tensor::RopeParams& params = world_.linked.attrs.at(static_cast<std::size_t>(i.imm)).rope;
  RopeOperands in{view.dims[0], static_cast<std::int64_t>(r(i.a)), {}, {}};
  if (in.pos < 0 || in.pos > kPositions - in.rows) return stop(TrapKind::kOutOfBounds);
  Floats factors;
  if (i.opcode() == Opcode::kRopeBy) {
    factors = floats(t(i.b));
    bool usable = static_cast<std::int64_t>(2 * factors.size()) == params.dims;
    for (const float factor : factors) usable = usable && factor >= 0.125F && std::isfinite(factor);
    if (!usable) return stop(TrapKind::kOutOfBounds);
  }
  if (!pay(2 * length(view))) return;
  const Floats x = floats(view);
  in.x = x;
  in.factors = factors;
  expect(view, oracle_rope(params, in));
}

void CheckedMachine::append(const Instruction& i) {
  const View cache = t(i.d), from = t(i.a);
  if (broken_promise) return;
  const auto pos = static_cast<std::int64_t>(r(i.b));
  if (pos < 0 || pos > cache.dims[0] - from.dims[0]) return stop(TrapKind::kOutOfBounds);
  if (!pay(length(from))) return;
  const Floats x = floats(from);
  if (format(cache) == tensor::KvFormat::kF16) return append_halves(cache, pos, x);
  const auto cols = static_cast<std::size_t>(from.dims[1]);
  const std::int64_t bytes = row_bytes(cache);
  for (std::int64_t row = 0; row < from.dims[0] && !broken_promise; ++row) {
    const std::span<const float> values(x.data() + static_cast<std::size_t>(row) * cols, cols);
    Buffer raw = format(cache) == tensor::KvFormat::kQ8 ? oracle_q8_row(values) : Buffer();
    for (std::size_t n = 0; format(cache) == tensor::KvFormat::kF32 && n < 4 * cols; ++n)
      raw.push_back(
          static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(values[n / 4]) >> (n % 4 * 8)));
    for (std::int64_t k = 0; k < bytes; ++k)
      byte(cache, (pos + row) * bytes + k) = raw.at(static_cast<std::size_t>(k));
  }
}

void CheckedMachine::append_halves(const View& cache, std::int64_t pos, const Floats& x) {
  Intervals values;
  for (const float value : x)
    values.push_back(Interval::point(static_cast<double>(oracle_from_half(oracle_to_half(value)))));
  pending = Pending{cache.key, cache.first * 2 + pos * row_bytes(cache), std::move(values), 2};
}

void CheckedMachine::attention(const Instruction& i) {
  const View to = t(i.d), q = t(i.a), k = t(i.b), v = t(i.c);
  if (broken_promise) return;
  const auto pos = static_cast<std::int64_t>(r(field_e(i)));
  if (pos < 0 || pos > k.dims[0] - q.dims[0]) return stop(TrapKind::kOutOfBounds);
  const std::int64_t seen = pos + q.dims[0];
  if (!pay(q.dims[0] * seen * q.dims[1])) return;
  const Floats queries = floats(q), keys = cache_rows(k, seen), values = cache_rows(v, seen);
  if (broken_promise) return;
  const tensor::AttentionParams& params = world_.linked.attrs.at(low_half(i)).attention;
  expect(to, oracle_attention(params, {q.dims[0], pos, queries, keys, values}));
}

/// topk, argmax, rmin, rmax: exact.
void CheckedMachine::select(const Instruction& i) {
  const bool many = i.opcode() == Opcode::kTopK;
  const Floats x = floats(t(many ? i.b : i.a));
  if (broken_promise) return;
  const std::size_t wanted = many ? static_cast<std::size_t>(length(t(i.d))) : 1;
  if (wanted > std::min<std::size_t>(x.size(), 65'536)) return stop(TrapKind::kOutOfBounds);
  if (!pay(static_cast<std::int64_t>(x.size()))) return;
  if (i.opcode() == Opcode::kRMin || i.opcode() == Opcode::kRMax) {
    const bool least = i.opcode() == Opcode::kRMin;
    std::optional<float> best;
    for (const float value : x) {
      if (std::isnan(value)) continue;
      if (!best || (least ? value < *best : value > *best)) best = value;
    }
    r(i.d) = std::bit_cast<std::uint32_t>(best.value_or(0.0F));
    return;
  }
  const std::vector<std::int32_t> ids = oracle_top(x, wanted);
  if (!many) r(i.d) = static_cast<std::uint64_t>(static_cast<std::int64_t>(ids.at(0)));
  for (std::size_t n = 0; many && n < ids.size(); ++n) {
    put_word(t(i.d), static_cast<std::int64_t>(n), static_cast<std::uint32_t>(ids[n]));
    put_word(t(i.a), static_cast<std::int64_t>(n),
             std::bit_cast<std::uint32_t>(x[static_cast<std::size_t>(ids[n])]));
  }
}

}  // namespace pxos::test
