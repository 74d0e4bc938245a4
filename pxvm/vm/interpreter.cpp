#include "pxvm/vm/interpreter.hpp"

#include "pxvm/vm/cost.hpp"
#include "pxvm/vm/profile.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace pxos::vm {

using isa::Opcode;

Interpreter::Interpreter(Machine& machine)
    : machine_(machine),
      linked_(*machine.linked_),
      context_{*machine.options_.kernels, *machine.options_.pool, machine.scratch_,
               *machine.options_.stop},
      fuel_left_(machine.options_.fuel_per_call != 0 ? machine.options_.fuel_per_call
                                                     : std::numeric_limits<std::uint64_t>::max()) {}

float Interpreter::f32(std::uint8_t index) const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(machine_.scalars_[index]));
}

void Interpreter::set_f32(std::uint8_t index, float value) {
  machine_.scalars_[index] = std::bit_cast<std::uint32_t>(value);
}

bool Interpreter::trap(TrapKind kind, std::string detail) {
  machine_.trap_ = {kind, std::move(detail)};
  return false;
}

bool Interpreter::finished(bool completed) {
  return completed || trap(TrapKind::kInterrupted, "interrupted");
}

bool Interpreter::charge(std::uint64_t multiply_adds) {
  const std::uint64_t cost = 1 + multiply_adds / 1024;
  machine_.fuel_used_ += cost;
  if (cost > fuel_left_) {
    return trap(TrapKind::kFuel, fmt::format("out of fuel after {} units", machine_.fuel_used_));
  }
  fuel_left_ -= cost;
  return true;
}

bool Interpreter::branch_taken(const Instruction& i) const {
  switch (i.opcode()) {
    case Opcode::kJump:
      return true;
    case Opcode::kBrEq:
      return r(i.a) == r(i.b);
    case Opcode::kBrNe:
      return r(i.a) != r(i.b);
    case Opcode::kBrLt:
      return i64(i.a) < i64(i.b);
    case Opcode::kBrLe:
      return i64(i.a) <= i64(i.b);
    case Opcode::kBrFLt:
      return f32(i.a) < f32(i.b);
    default:
      return f32(i.a) == f32(i.b);  // kBrFEq: the last of the family below kMov
  }
}

std::size_t Interpreter::run(std::size_t start) {
  return machine_.options_.profile != nullptr ? run_loop<true>(start) : run_loop<false>(start);
}

bool Interpreter::execute_profiled(const Instruction& i, std::size_t pc) {
  // Scalar code, pixel access and views take less time than reading the clock.
  const bool timed = i.opcode() == Opcode::kHost || i.family >= 0x80;
  if (!timed) return execute(i);
  Profile& profile = *machine_.options_.profile;
  profile.add_cost(pc, operation_cost(i, {machine_.scalars_, machine_.tensors_}));
  const auto start = Profile::Clock::now();
  const bool done = execute(i);
  profile.add_time(pc, Profile::Clock::now() - start);
  return done;
}

template <bool kProfiled>
std::size_t Interpreter::run_loop(std::size_t start) {
  const std::vector<Instruction>& code = linked_.program().code;
  std::size_t pc = start;
  // The verifier proved that no path leaves the code and that every branch lands inside it.
  for (;;) {
    const Instruction& i = code[pc];
    if constexpr (kProfiled) machine_.options_.profile->count(pc);
    if (i.opcode() == Opcode::kHalt) return pc;
    const bool is_branch = i.opcode() >= Opcode::kJump && i.opcode() <= Opcode::kBrFEq;
    if (!is_branch) {
      if (!(kProfiled ? execute_profiled(i, pc) : execute(i))) return pc;
      ++pc;
      continue;
    }
    if (!branch_taken(i)) {
      ++pc;
      continue;
    }
    if (i.imm < 0) {  // back-edge: the only way to run for ever, so fuel and the stop flag are
                      // looked at here
      if (!charge(0)) return pc;
      if (machine_.options_.stop->load(std::memory_order_relaxed)) {
        trap(TrapKind::kInterrupted, "interrupted");
        return pc;
      }
    }
    pc = static_cast<std::size_t>(static_cast<std::int64_t>(pc) + 1 + i.imm);
  }
}

bool Interpreter::execute(const Instruction& i) {
  if (i.family < 0x50) return execute_scalar(i);
  if (i.family < 0x70) return execute_memory(i);
  return execute_tensor(i);
}

bool Interpreter::execute_scalar(const Instruction& i) {
  switch (i.opcode()) {
    case Opcode::kTrap:
      return trap(TrapKind::kExplicit, linked_.program().strings[static_cast<std::size_t>(i.imm)]);
    case Opcode::kMov:
      r(i.d) = r(i.a);
      return true;
    case Opcode::kI64AddI:
      r(i.d) = r(i.a) + static_cast<std::uint64_t>(static_cast<std::int64_t>(i.imm));
      return true;
    case Opcode::kI64Const:
      r(i.d) = static_cast<std::uint64_t>(static_cast<std::int64_t>(i.imm));
      return true;
    case Opcode::kI64Add:
      r(i.d) = r(i.a) + r(i.b);
      return true;
    case Opcode::kI64Sub:
      r(i.d) = r(i.a) - r(i.b);
      return true;
    case Opcode::kI64Mul:
      r(i.d) = r(i.a) * r(i.b);
      return true;
    case Opcode::kI64DivS:
    case Opcode::kI64RemS:
      return op_divide(i);
    case Opcode::kI64And:
      r(i.d) = r(i.a) & r(i.b);
      return true;
    case Opcode::kI64Or:
      r(i.d) = r(i.a) | r(i.b);
      return true;
    case Opcode::kI64Xor:
      r(i.d) = r(i.a) ^ r(i.b);
      return true;
    case Opcode::kI64Shl:
      r(i.d) = r(i.a) << (r(i.b) & 63U);
      return true;
    case Opcode::kI64ShrS:
      r(i.d) = static_cast<std::uint64_t>(i64(i.a) >> (r(i.b) & 63U));
      return true;
    case Opcode::kI64ShrU:
      r(i.d) = r(i.a) >> (r(i.b) & 63U);
      return true;
    case Opcode::kConstLd:
      r(i.d) = linked_.consts[static_cast<std::size_t>(i.imm)];
      return true;
    case Opcode::kF32Sqrt:
      set_f32(i.d, std::sqrt(f32(i.a)));
      return true;
    case Opcode::kF32Add:
      set_f32(i.d, f32(i.a) + f32(i.b));
      return true;
    case Opcode::kF32Sub:
      set_f32(i.d, f32(i.a) - f32(i.b));
      return true;
    case Opcode::kF32Mul:
      set_f32(i.d, f32(i.a) * f32(i.b));
      return true;
    case Opcode::kF32Div:
      set_f32(i.d, f32(i.a) / f32(i.b));
      return true;
    case Opcode::kI64TruncF32S:
      return op_truncate(i);
    case Opcode::kF32ConvertI64S:
      set_f32(i.d, static_cast<float>(i64(i.a)));
      return true;
    default:
      PX_ASSERT(!"verified code has no other scalar opcode");
      return false;
  }
}

bool Interpreter::op_divide(const Instruction& i) {
  if (i64(i.b) == 0) return trap(TrapKind::kDivide, "integer divide by zero");
  const bool is_division = i.opcode() == Opcode::kI64DivS;
  if (i64(i.b) == -1) {  // -2^63 / -1 overflows; the remainder by -1 is always 0
    if (is_division && i64(i.a) == std::numeric_limits<std::int64_t>::min()) {
      return trap(TrapKind::kDivide, "integer overflow");
    }
    r(i.d) = is_division ? 0 - r(i.a) : 0;
    return true;
  }
  r(i.d) = static_cast<std::uint64_t>(is_division ? i64(i.a) / i64(i.b) : i64(i.a) % i64(i.b));
  return true;
}

bool Interpreter::op_truncate(const Instruction& i) {
  const float value = f32(i.a);
  if (!(value >= -0x1p63F && value < 0x1p63F)) {
    return trap(TrapKind::kConversion, fmt::format("{} is not an i64", value));
  }
  r(i.d) = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  return true;
}

bool Interpreter::element(const TensorView& view, std::uint64_t index, std::uint64_t bytes,
                          std::uint8_t*& address) {
  const auto count = static_cast<std::uint64_t>(view.elements());
  if (index >= count) {
    return trap(TrapKind::kOutOfBounds,
                fmt::format("element {} of {}", static_cast<std::int64_t>(index), count));
  }
  address = view.data + index * bytes;
  return true;
}

bool Interpreter::execute_memory(const Instruction& i) {
  std::uint8_t* at = nullptr;
  switch (i.opcode()) {
    case Opcode::kLdU8:
      if (!element(t(i.a), r(i.b), 1, at)) return false;
      r(i.d) = *at;
      return true;
    case Opcode::kLdI32: {
      if (!element(t(i.a), r(i.b), 4, at)) return false;
      std::int32_t value = 0;
      std::memcpy(&value, at, sizeof value);
      r(i.d) = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
      return true;
    }
    case Opcode::kLdF32: {
      if (!element(t(i.a), r(i.b), 4, at)) return false;
      std::uint32_t bits = 0;
      std::memcpy(&bits, at, sizeof bits);
      r(i.d) = bits;
      return true;
    }
    case Opcode::kStU8:
      if (!element(t(i.a), r(i.b), 1, at)) return false;
      *at = static_cast<std::uint8_t>(r(i.c));
      return true;
    case Opcode::kStI32:
    case Opcode::kStF32: {
      if (!element(t(i.a), r(i.b), 4, at)) return false;
      const auto bits = static_cast<std::uint32_t>(r(i.c));
      std::memcpy(at, &bits, sizeof bits);
      return true;
    }
    case Opcode::kDim:
      return op_dim(i);
    case Opcode::kHost:
      return op_host(i);
    default:
      return op_pixel(i);
  }
}

bool Interpreter::op_dim(const Instruction& i) {
  const TensorView& view = t(i.a);
  if (i.imm < 0 || i.imm >= view.rank) {
    return trap(TrapKind::kOutOfBounds, fmt::format("dimension {} of rank {}", i.imm, view.rank));
  }
  r(i.d) = static_cast<std::uint64_t>(view.dims[static_cast<std::size_t>(i.imm)]);
  return true;
}

bool Interpreter::op_pixel(const Instruction& i) {
  const TensorView& view = t(i.a);
  const auto channels = static_cast<std::uint64_t>(std::min<std::int64_t>(view.dims[2], 4));
  if (i.opcode() == Opcode::kPxFill) {
    const std::int64_t count = view.dims[0] * view.dims[1];
    if (!charge(static_cast<std::uint64_t>(count))) return false;
    for (std::int64_t p = 0; p < count; ++p) {
      for (std::uint64_t k = 0; k < channels; ++k) {
        view.data[p * view.dims[2] + static_cast<std::int64_t>(k)] =
            static_cast<std::uint8_t>(r(i.b) >> (8 * k));
      }
    }
    return true;
  }
  const std::uint64_t x = r(i.b);
  const std::uint64_t y = r(i.c);
  if (x >= static_cast<std::uint64_t>(view.dims[1]) ||
      y >= static_cast<std::uint64_t>(view.dims[0])) {
    return trap(TrapKind::kOutOfBounds, fmt::format("pixel ({}, {}) of {} x {}", i64(i.b), i64(i.c),
                                                    view.dims[1], view.dims[0]));
  }
  std::uint8_t* pixel = view.data + (y * static_cast<std::uint64_t>(view.dims[1]) + x) *
                                        static_cast<std::uint64_t>(view.dims[2]);
  if (i.opcode() == Opcode::kPxPut) {
    for (std::uint64_t k = 0; k < channels; ++k)
      pixel[k] = static_cast<std::uint8_t>(r(i.d) >> (8 * k));
    return true;
  }
  std::uint64_t value = 0;
  for (std::uint64_t k = 0; k < channels; ++k)
    value |= static_cast<std::uint64_t>(pixel[k]) << (8 * k);
  r(i.d) = value;
  return true;
}

bool Interpreter::op_host(const Instruction& i) {
  if (machine_.options_.host == nullptr) return trap(TrapKind::kHost, "this guest has no host");
  const auto call = static_cast<isa::HostCall>(i.imm);
  auto result = machine_.options_.host->call(machine_, call, i64(i.a), i64(i.b), i64(i.c));
  if (!result) return trap(TrapKind::kHost, std::move(result.error().message));
  r(i.d) = static_cast<std::uint64_t>(*result);
  return charge(0);
}

}  // namespace pxos::vm
