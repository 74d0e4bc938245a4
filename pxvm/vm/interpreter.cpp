#include "pxvm/vm/interpreter.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace pxos::vm {
namespace {

/// Of a call that may have been paused. The last operation may have overdrawn it.
std::uint64_t fuel_left(std::uint64_t limit, std::uint64_t used) {
  if (limit == 0) return std::numeric_limits<std::uint64_t>::max();
  return limit - std::min(limit, used);
}

}  // namespace

Interpreter::Interpreter(Machine& machine)
    : machine_(machine),
      linked_(*machine.linked_),
      plan_(linked_.plan),
      context_{*machine.options_.kernels, *machine.options_.pool, machine.scratch_,
               *machine.options_.stop},
      inline_context_{*machine.options_.kernels, *machine.inline_pool_, machine.scratch_,
                      *machine.options_.stop},
      fuel_left_(fuel_left(machine.options_.fuel_per_call, machine.fuel_used_)) {}

float Interpreter::f32_at(std::uint8_t index) const {
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
  const std::uint64_t cost = fuel_of(multiply_adds);
  machine_.fuel_used_ += cost;
  if (cost > fuel_left_) {
    return trap(TrapKind::kFuel, fmt::format("out of fuel after {} units", machine_.fuel_used_));
  }
  fuel_left_ -= cost;
  return true;
}

bool Interpreter::back_edge() {
  if (!charge(0)) return false;
  return finished(!machine_.options_.stop->load(std::memory_order_relaxed));
}

std::size_t Interpreter::run(std::size_t start) {
  const MachineOptions& options = machine_.options_;
  const bool observed = options.profile != nullptr || options.debug != nullptr;
  return observed ? run_loop<true>(start) : run_loop<false>(start);
}

bool Interpreter::observe(std::size_t pc) {
  if (machine_.options_.debug != nullptr && !machine_.options_.debug->before(pc)) {
    machine_.state_ = RunState::kPaused;
    return false;
  }
  if (machine_.options_.profile != nullptr) profile().count(pc);
  pc_ = pc;
  return true;
}

// Threaded code where the compiler has labels as values: every record ends with its own indirect
// jump, which the branch predictor learns per place. Elsewhere (PXOS_SWITCH_DISPATCH) the same body
// is a switch.
#ifdef PXOS_SWITCH_DISPATCH
#define PX_CASE(Name) case Action::k##Name:
#define PX_DISPATCH() break
#else
#define PX_CASE(Name) at_##Name:
#define PX_DISPATCH()                                   \
  do {                                                  \
    if constexpr (kObserved) {                          \
      if (!observe(place(i))) return place(i);          \
    }                                                   \
    goto* kLabels[static_cast<std::size_t>(i->action)]; \
  } while (false)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif

#define PX_NEXT() \
  ++i;            \
  PX_DISPATCH()
/// A scalar instruction that cannot fail.
#define PX_SCALAR(Name, ...) \
  PX_CASE(Name) {            \
    __VA_ARGS__;             \
    PX_NEXT();               \
  }
/// An instruction that may trap.
#define PX_STEP(Name, ...)               \
  PX_CASE(Name) {                        \
    if (!(__VA_ARGS__)) return place(i); \
    PX_NEXT();                           \
  }
#define PX_UNARY(Name, ...)             \
  PX_CASE(Name) {                       \
    const std::uint64_t a = regs[i->a]; \
    regs[i->d] = (__VA_ARGS__);         \
    PX_NEXT();                          \
  }
#define PX_BINARY(Name, ...)            \
  PX_CASE(Name) {                       \
    const std::uint64_t a = regs[i->a]; \
    const std::uint64_t b = regs[i->b]; \
    regs[i->d] = (__VA_ARGS__);         \
    PX_NEXT();                          \
  }
#define PX_UNARY_TRAPS(Name, ...)                                 \
  PX_CASE(Name) {                                                 \
    const std::uint64_t a = regs[i->a];                           \
    std::uint64_t out = 0;                                        \
    const Fault found = (__VA_ARGS__);                            \
    if (found != Fault::kNone) return fault(*i, found), place(i); \
    regs[i->d] = out;                                             \
    PX_NEXT();                                                    \
  }
#define PX_BINARY_TRAPS(Name, ...)                                \
  PX_CASE(Name) {                                                 \
    const std::uint64_t a = regs[i->a];                           \
    const std::uint64_t b = regs[i->b];                           \
    std::uint64_t out = 0;                                        \
    const Fault found = (__VA_ARGS__);                            \
    if (found != Fault::kNone) return fault(*i, found), place(i); \
    regs[i->d] = out;                                             \
    PX_NEXT();                                                    \
  }
#define PX_BRANCH(Name, ...)                        \
  PX_CASE(Name) {                                   \
    if (!(__VA_ARGS__)) {                           \
      PX_NEXT();                                    \
    } else {                                        \
      const Record* const to = code + i->target;    \
      if (to <= i && !back_edge()) return place(i); \
      i = to;                                       \
      PX_DISPATCH();                                \
    }                                               \
  }

template <bool kObserved>
std::size_t Interpreter::run_loop(std::size_t start) {
  using namespace numeric;
  const std::uint64_t* const consts = linked_.consts.data();
  // The verifier proved that no path leaves the code and that every branch lands inside it.
  const bool fused = machine_.options_.fusion && machine_.options_.debug == nullptr;
  const Record* const code = (fused ? plan_.fused : plan_.plain).data();
  const Record* i = code + start;
  std::uint64_t* const regs = machine_.scalars_.data();
  const auto place = [code](const Record* record) {
    return static_cast<std::size_t>(record - code);
  };
#ifdef PXOS_SWITCH_DISPATCH
  for (;;) {
    if constexpr (kObserved) {
      if (!observe(place(i))) return place(i);
    }
    switch (i->action) {
#else
  // clang-format off
#define PX_OP(family, op, Name, mnemonic, operands, shapes, meaning) &&at_##Name,
  static const void* const kLabels[] = {
#include "pxvm/isa/opcodes.def"
      &&at_Group};
#undef PX_OP
  // clang-format on
  PX_DISPATCH();
#endif

      PX_CASE(Halt) return place(i);
      PX_STEP(Trap, op_trap(*i))
      PX_BRANCH(Jump, true)
      PX_BRANCH(BrEq, regs[i->a] == regs[i->b])
      PX_BRANCH(BrNe, regs[i->a] != regs[i->b])
      PX_BRANCH(BrLt, s64(regs[i->a]) < s64(regs[i->b]))
      PX_BRANCH(BrLe, s64(regs[i->a]) <= s64(regs[i->b]))
      PX_BRANCH(BrFLt, numeric::f32(regs[i->a]) < numeric::f32(regs[i->b]))
      PX_BRANCH(BrFEq, numeric::f32(regs[i->a]) == numeric::f32(regs[i->b]))
      PX_SCALAR(Mov, regs[i->d] = regs[i->a])
      PX_SCALAR(I64AddI, regs[i->d] = regs[i->a] + static_cast<std::uint64_t>(std::int64_t{i->imm}))
      PX_SCALAR(I64Const, regs[i->d] = static_cast<std::uint64_t>(std::int64_t{i->imm}))
      PX_SCALAR(I32Const, regs[i->d] = static_cast<std::uint64_t>(std::int64_t{i->imm}))
      PX_SCALAR(F32Const, regs[i->d] = consts[i->imm])
      PX_SCALAR(F64Const, regs[i->d] = consts[i->imm])
      PX_SCALAR(ConstLd, regs[i->d] = consts[i->imm])
#include "pxvm/vm/numeric.def"
      PX_STEP(LdU8, execute_memory(*i))
      PX_STEP(LdI32, execute_memory(*i))
      PX_STEP(LdF32, execute_memory(*i))
      PX_STEP(StU8, execute_memory(*i))
      PX_STEP(StI32, execute_memory(*i))
      PX_STEP(StF32, execute_memory(*i))
      PX_STEP(PxGet, op_pixel(*i))
      PX_STEP(PxPut, op_pixel(*i))
      PX_STEP(PxFill, op_pixel(*i))
      PX_STEP(Dim, op_dim(*i))
      PX_STEP(Host, op_host(*i))
      PX_STEP(Bind, op_bind(*i))
      PX_STEP(Tail, op_rows(*i, t(i->a).dims[0] - t(i->d).dims[0]))
      PX_STEP(Rows, op_rows(*i, s64(regs[i->b])))
      PX_STEP(Matmul, op_matmul(*i))
      PX_STEP(Gather, op_gather(*i))
      PX_STEP(Add, op_row(*i))
      PX_STEP(Mul, op_row(*i))
      PX_STEP(AddRow, op_row(*i))
      PX_STEP(Scale, op_row(*i))
      PX_STEP(Relu, op_row(*i))
      PX_STEP(SiluMul, op_row(*i))
      PX_STEP(Gelu, op_row(*i))
      PX_STEP(GeluMul, op_row(*i))
      PX_STEP(GeluErf, op_row(*i))
      PX_STEP(SoftCap, op_row(*i))
      PX_STEP(Copy, op_row(*i))
      PX_STEP(Fill, op_row(*i))
      PX_STEP(Iota, op_iota(*i))
      PX_STEP(RmsNorm, op_row(*i))
      PX_STEP(Softmax, op_row(*i))
      PX_STEP(MeanRows, op_mean_rows(*i))
      PX_STEP(LayerNorm, op_row(*i))
      PX_STEP(HeadNorm, op_row(*i))
      PX_STEP(RMin, op_reduce(*i))
      PX_STEP(RMax, op_reduce(*i))
      PX_STEP(Rope, op_row(*i))
      PX_STEP(KvAppend, op_row(*i))
      PX_STEP(Attention, op_attention(*i))
      PX_STEP(RopeBy, op_row(*i))
      PX_STEP(TopK, op_topk(*i))
      PX_STEP(ArgMax, op_reduce(*i))
      PX_CASE(Group) {
        const Group& group = plan_.groups[static_cast<std::size_t>(i->imm)];
        if (std::size_t pc = group.first; !run_group(group, pc)) return pc;
        i = code + group.end;
        PX_DISPATCH();
      }
#ifdef PXOS_SWITCH_DISPATCH
    }
  }
#endif
}
#ifndef PXOS_SWITCH_DISPATCH
#pragma GCC diagnostic pop
#endif

bool Interpreter::op_trap(const Record& i) {
  return trap(TrapKind::kExplicit, linked_.program().strings[static_cast<std::size_t>(i.imm)]);
}

bool Interpreter::fault(const Record& i, numeric::Fault fault) {
  if (fault == numeric::Fault::kDivideByZero)
    return trap(TrapKind::kDivide, "integer divide by zero");
  if (fault == numeric::Fault::kOverflow) return trap(TrapKind::kDivide, "integer overflow");
  // i32.trunc_f64_u: to, from and sign stand in the name.
  const std::string_view name = isa::all_opcodes()[static_cast<std::size_t>(i.action)].mnemonic;
  const bool wide = name.find("_f64_") != std::string_view::npos;
  const double value = wide ? numeric::f64(r(i.a)) : double{f32_at(i.a)};
  return trap(TrapKind::kConversion,
              fmt::format("{} is not {} {}", value, name.ends_with("u") ? "a" : "an",
                          fmt::format("{}{}", name.ends_with("u") ? 'u' : 'i', name.substr(1, 2))));
}

}  // namespace pxos::vm
