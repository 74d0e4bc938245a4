#include "pxvm/vm/interpreter.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace pxos::vm {
namespace {

/// Of a call that may have been paused. The last operation may have overdrawn it.
std::uint64_t fuel_left(std::uint64_t limit, std::uint64_t used) {
  if (limit == 0) return std::numeric_limits<std::uint64_t>::max();
  return limit - std::min(limit, used);
}

/// The one bounds check of all linear accesses.
bool inside(std::uint64_t at, std::uint64_t span, std::uint64_t length) {
  return at < length && length - at >= span;
}

/// Elements of a slice along the first dimension.
std::uint64_t row_length(const TensorView& view) {
  std::int64_t length = 1;
  for (std::uint8_t i = 1; i < view.rank; ++i) length *= view.dims[i];
  return static_cast<std::uint64_t>(length);
}

/// Signed values are sign-extended to the register, all others filled with zeros.
template <class Value>
std::uint64_t load(const std::uint8_t* at) {
  Value value{};
  std::memcpy(&value, at, sizeof value);
  if constexpr (std::numeric_limits<Value>::is_signed) {
    return numeric::of(std::int64_t{value});
  } else {
    return value;
  }
}

template <class Value>
void store(std::uint8_t* at, Value value) {
  std::memcpy(at, &value, sizeof value);
}

/// The rows of numeric.def that cannot trap, as functions.
namespace value {
using namespace numeric;
#define PX_UNARY(Name, ...)                                     \
  [[maybe_unused]] inline std::uint64_t Name(std::uint64_t a) { \
    return __VA_ARGS__;                                         \
  }
#define PX_BINARY(Name, ...)                                    \
  inline std::uint64_t Name(std::uint64_t a, std::uint64_t b) { \
    return __VA_ARGS__;                                         \
  }
#define PX_UNARY_TRAPS(Name, ...)
#define PX_BINARY_TRAPS(Name, ...)
#include "pxvm/vm/numeric.def"
#undef PX_UNARY
#undef PX_BINARY
#undef PX_UNARY_TRAPS
#undef PX_BINARY_TRAPS
}  // namespace value

}  // namespace

Interpreter::Interpreter(Machine& machine)
    : machine_(machine),
      linked_(*machine.linked_),
      plan_(linked_.plan),
      context_{*machine.options_.kernels, *machine.options_.pool, machine.scratch_,
               *machine.options_.stop},
      inline_context_{*machine.options_.kernels, *machine.inline_pool_, machine.scratch_,
                      *machine.options_.stop},
      fuel_left_(fuel_left(machine.options_.fuel_per_call, machine.fuel_used_)),
      regs_(machine.slots() + machine.window_),
      used_end_(machine.slots() + machine.used_slots_),
      top_(machine.call_frames() + machine.depth_) {}

float Interpreter::f32_at(std::uint8_t index) const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(regs_[index]));
}

void Interpreter::set_f32(std::uint8_t index, float value) {
  regs_[index] = std::bit_cast<std::uint32_t>(value);
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

bool Interpreter::refill(std::int64_t& budget, std::int64_t units) {
  budget += units;
  settle(budget);
  machine_.fuel_used_ += static_cast<std::uint64_t>(units);
  if (static_cast<std::uint64_t>(units) > fuel_left_) {
    return trap(TrapKind::kFuel, fmt::format("out of fuel after {} units", machine_.fuel_used_));
  }
  fuel_left_ -= static_cast<std::uint64_t>(units);
  if (!go_on()) return false;
  // Whoever looks on sees exact fuel; everybody else may be ahead by a fraction of a millisecond.
  constexpr std::uint64_t kMostUnits = 4096;
  const bool observed = machine_.options_.profile != nullptr || machine_.options_.debug != nullptr;
  budget = observed ? 0 : static_cast<std::int64_t>(std::min(kMostUnits, fuel_left_));
  fuel_left_ -= static_cast<std::uint64_t>(budget);
  machine_.fuel_used_ += static_cast<std::uint64_t>(budget);
  return true;
}

void Interpreter::settle(std::int64_t& budget) {
  fuel_left_ += static_cast<std::uint64_t>(budget);
  machine_.fuel_used_ -= static_cast<std::uint64_t>(budget);
  budget = 0;
  machine_.window_ = static_cast<std::size_t>(regs_ - machine_.slots());
  machine_.used_slots_ = static_cast<std::size_t>(used_end_ - machine_.slots());
  machine_.depth_ = static_cast<std::size_t>(top_ - machine_.call_frames());
}

std::size_t Interpreter::run(std::size_t start) {
  const MachineOptions& options = machine_.options_;
  const bool observed = options.profile != nullptr || options.debug != nullptr;
  return observed ? run_loop<true>(start) : run_loop<false>(start);
}

bool Interpreter::observe(std::size_t pc, std::int64_t& budget) {
  settle(budget);
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
      if (!observe(place(i), budget)) return place(i);  \
    }                                                   \
    goto* kLabels[static_cast<std::size_t>(i->action)]; \
  } while (false)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif

#define PX_NEXT() \
  ++i;            \
  PX_DISPATCH()
/// The trap is set: where it happened, with everything told to the machine.
#define PX_LEAVE() return settle(budget), place(i)
/// A scalar instruction that cannot fail.
#define PX_SCALAR(Name, ...) \
  PX_CASE(Name) {            \
    __VA_ARGS__;             \
    PX_NEXT();               \
  }
/// An instruction of its own function, which may trap, spend fuel and look at the machine.
#define PX_STEP(Name, ...)          \
  PX_CASE(Name) {                   \
    settle(budget);                 \
    if (!(__VA_ARGS__)) PX_LEAVE(); \
    PX_NEXT();                      \
  }
/// The same for one that may trap and does nothing else of these: the budget lasts.
#define PX_CHECKED(Name, ...) PX_SCALAR(Name, if (!(__VA_ARGS__)) PX_LEAVE())
/// Rows of numeric.def.
#define PX_UNARY(Name, ...) PX_SCALAR(Name, regs[i->d] = value::Name(regs[i->a]))
#define PX_BINARY(Name, ...) PX_SCALAR(Name, PX_COMPUTE(Name))
#define PX_COMPUTE(Name) regs[i->d] = value::Name(regs[i->a], regs[i->b])
#define PX_UNARY_TRAPS(Name, ...)                               \
  PX_CASE(Name) {                                               \
    const std::uint64_t a = regs[i->a];                         \
    std::uint64_t out = 0;                                      \
    const Fault found = (__VA_ARGS__);                          \
    if (found != Fault::kNone && !fault(*i, found)) PX_LEAVE(); \
    regs[i->d] = out;                                           \
    PX_NEXT();                                                  \
  }
#define PX_BINARY_TRAPS(Name, ...)                              \
  PX_CASE(Name) {                                               \
    const std::uint64_t a = regs[i->a];                         \
    const std::uint64_t b = regs[i->b];                         \
    std::uint64_t out = 0;                                      \
    const Fault found = (__VA_ARGS__);                          \
    if (found != Fault::kNone && !fault(*i, found)) PX_LEAVE(); \
    regs[i->d] = out;                                           \
    PX_NEXT();                                                  \
  }
/// Forwards costs nothing, so the budget is below zero only behind a branch back.
#define PX_GO_BACK(units) \
  budget -= (units);      \
  if (budget < 0 && !refill(budget, (units))) PX_LEAVE()
#define PX_GO_IF(...)   \
  if (__VA_ARGS__) {    \
    PX_GO_BACK(i->imm); \
    i += i->jump;       \
    PX_DISPATCH();      \
  }
#define PX_BRANCH(Name, ...) PX_SCALAR(Name, PX_GO_IF(__VA_ARGS__))
/// Element `at` of a tensor of `Unit`s as a `Value` of as many units as it is long.
#define PX_DO_LOAD(Unit, Value)                                                   \
  {                                                                               \
    const TensorView& view = tensors[i->a];                                       \
    const std::uint64_t at = regs[i->b];                                          \
    constexpr std::uint64_t kSpan = sizeof(Value) / sizeof(Unit);                 \
    if (!inside(at, kSpan, view.length) && !outside(view, at, kSpan)) PX_LEAVE(); \
    regs[i->d] = load<Value>(view.data + at * sizeof(Unit));                      \
  }
#define PX_DO_STORE(Unit, Value)                                                  \
  {                                                                               \
    const TensorView& view = tensors[i->a];                                       \
    const std::uint64_t at = regs[i->b];                                          \
    constexpr std::uint64_t kSpan = sizeof(Value) / sizeof(Unit);                 \
    if (!inside(at, kSpan, view.length) && !outside(view, at, kSpan)) PX_LEAVE(); \
    store(view.data + at * sizeof(Unit), static_cast<Value>(regs[i->c]));         \
  }
#define PX_LOAD(Name, Unit, Value) PX_SCALAR(Name, PX_DO_LOAD(Unit, Value))
#define PX_STORE(Name, Unit, Value) PX_SCALAR(Name, PX_DO_STORE(Unit, Value))
/// The same at (x, y) = (b, c), x counted in values.
#define PX_AT(Name, Unit, Value, ...)                                                  \
  PX_CASE(Name) {                                                                      \
    const TensorView& view = tensors[i->a];                                            \
    const std::uint64_t x = regs[i->b], y = regs[i->c];                                \
    constexpr std::uint64_t kSpan = sizeof(Value) / sizeof(Unit);                      \
    const std::uint64_t row = row_length(view);                                        \
    const bool fits = x < row / kSpan && y < static_cast<std::uint64_t>(view.dims[0]); \
    if (!fits && !outside_row(view, x, y, kSpan)) PX_LEAVE();                          \
    std::uint8_t* const at = view.data + (y * row + x * kSpan) * sizeof(Unit);         \
    __VA_ARGS__;                                                                       \
    PX_NEXT();                                                                         \
  }
#define PX_LOAD_AT(Name, Unit, Value) PX_AT(Name, Unit, Value, regs[i->d] = load<Value>(at))
#define PX_STORE_AT(Name, Unit, Value) \
  PX_AT(Name, Unit, Value, store(at, static_cast<Value>(regs[i->d])))

/// What the parts of pairs.def do; what goes elsewhere dispatches, the rest goes on.
#define PX_DO_I64Const regs[i->d] = static_cast<std::uint64_t>(std::int64_t{i->imm})
#define PX_DO_I64AddI regs[i->d] = regs[i->a] + static_cast<std::uint64_t>(std::int64_t{i->imm})
#define PX_DO_I64Add PX_COMPUTE(I64Add)
#define PX_DO_I64Mul PX_COMPUTE(I64Mul)
#define PX_DO_I64Ne PX_COMPUTE(I64Ne)
#define PX_DO_I64And PX_COMPUTE(I64And)
#define PX_DO_I64Shl PX_COMPUTE(I64Shl)
#define PX_DO_I64ShrU PX_COMPUTE(I64ShrU)
#define PX_DO_F64Add PX_COMPUTE(F64Add)
#define PX_DO_F64Sub PX_COMPUTE(F64Sub)
#define PX_DO_F64Mul PX_COMPUTE(F64Mul)
#define PX_DO_LdU8 PX_DO_LOAD(std::uint8_t, std::uint8_t)
#define PX_DO_StU8 PX_DO_STORE(std::uint8_t, std::uint8_t)
#define PX_DO_BrEq PX_GO_IF(regs[i->a] == regs[i->b])
#define PX_DO_BrNe PX_GO_IF(regs[i->a] != regs[i->b])
#define PX_DO_BrLt PX_GO_IF(s64(regs[i->a]) < s64(regs[i->b]))
#define PX_DO_BrLe PX_GO_IF(s64(regs[i->a]) <= s64(regs[i->b]))
#define PX_DO_BrZ PX_GO_IF(regs[i->a] == 0)
#define PX_DO_BrNz PX_GO_IF(regs[i->a] != 0)
#define PX_DO_Call                                                              \
  {                                                                             \
    const std::uint64_t* const end = regs + i->a + (i->imm & 0xFFFF);           \
    const bool room = top_ != calls_end && end <= slots_end;                    \
    const auto depth = static_cast<std::size_t>(top_ - machine_.call_frames()); \
    if (!room && !overflow(depth)) PX_LEAVE();                                  \
    PX_GO_BACK(i->imm >> 16);                                                   \
    if (end > used_end_) used_end_ = end;                                       \
    *top_++ = {static_cast<std::uint32_t>(i - code + 1), i->a};                 \
    regs_ = regs += i->a;                                                       \
    i += i->jump;                                                               \
    PX_DISPATCH();                                                              \
  }
#define PX_DO_Ret                      \
  {                                    \
    const CallFrame& caller = *--top_; \
    regs_ = regs -= caller.base;       \
    i = code + caller.return_pc;       \
    PX_DISPATCH();                     \
  }
#define PX_PAIR_CASE(First, Second) \
  PX_CASE(First##Second) {          \
    PX_DO_##First;                  \
    ++i;                            \
    PX_DO_##Second;                 \
    PX_NEXT();                      \
  }

template <bool kObserved>
std::size_t Interpreter::run_loop(std::size_t start) {
  using namespace numeric;
  const std::uint64_t* const consts = linked_.consts.data();
  // The verifier proved that no path leaves the code and that every branch lands inside it.
  const bool fused = machine_.options_.fusion && machine_.options_.debug == nullptr;
  const std::vector<Record>& fastest = kObserved ? plan_.fused : plan_.paired;
  const Record* const code = (fused ? fastest : plan_.plain).data();
  const Record* i = code + start;
  std::uint64_t* regs = regs_;
  const std::uint64_t* const slots_end = machine_.slots() + kCallSlots;
  // Programs without functions have no frames, and nothing that would look at their end.
  const CallFrame* const calls_end = top_ == nullptr ? nullptr : machine_.call_frames() + kMaxCalls;
  const TensorView* const tensors = machine_.tensors_.data();
  std::int64_t budget = 0;
  const auto place = [code](const Record* record) {
    return static_cast<std::size_t>(record - code);
  };
#ifdef PXOS_SWITCH_DISPATCH
  for (;;) {
    if constexpr (kObserved) {
      if (!observe(place(i), budget)) return place(i);
    }
    switch (i->action) {
#else
  // clang-format off
#define PX_OP(family, op, Name, mnemonic, operands, shapes, meaning) &&at_##Name,
  static const void* const kLabels[] = {
#include "pxvm/isa/opcodes.def"
      &&at_Group,
#undef PX_OP
#define PX_PAIR(First, Second) &&at_##First##Second,
#include "pxvm/vm/pairs.def"
#undef PX_PAIR
  };
  // clang-format on
  PX_DISPATCH();
#endif

      PX_CASE(Halt) PX_LEAVE();
      PX_STEP(Trap, op_trap(*i))
      PX_BRANCH(Jump, true)
      PX_SCALAR(BrEq, PX_DO_BrEq)
      PX_SCALAR(BrNe, PX_DO_BrNe)
      PX_SCALAR(BrLt, PX_DO_BrLt)
      PX_SCALAR(BrLe, PX_DO_BrLe)
      PX_BRANCH(BrFLt, f32(regs[i->a]) < f32(regs[i->b]))
      PX_BRANCH(BrFEq, f32(regs[i->a]) == f32(regs[i->b]))
      PX_BRANCH(BrFLe, f32(regs[i->a]) <= f32(regs[i->b]))
      PX_BRANCH(BrFNe, f32(regs[i->a]) != f32(regs[i->b]))
      PX_BRANCH(BrDLt, f64(regs[i->a]) < f64(regs[i->b]))
      PX_BRANCH(BrDLe, f64(regs[i->a]) <= f64(regs[i->b]))
      PX_BRANCH(BrDEq, f64(regs[i->a]) == f64(regs[i->b]))
      PX_BRANCH(BrDNe, f64(regs[i->a]) != f64(regs[i->b]))
      PX_SCALAR(Mov, regs[i->d] = regs[i->a])
      PX_SCALAR(Select, regs[i->d] = regs[i->c] != 0 ? regs[i->a] : regs[i->b])
      PX_BRANCH(BrLtU, regs[i->a] < regs[i->b])
      PX_BRANCH(BrLeU, regs[i->a] <= regs[i->b])
      PX_SCALAR(BrZ, PX_DO_BrZ)
      PX_SCALAR(BrNz, PX_DO_BrNz)
      PX_SCALAR(Frame, )  // calls go behind it, and nothing else comes here
      PX_CASE(Call)
      PX_DO_Call PX_CASE(Ret) PX_DO_Ret PX_STEP(Yield, op_yield()) PX_SCALAR(
          I64AddI,
          PX_DO_I64AddI) PX_SCALAR(I64Const,
                                   PX_DO_I64Const) PX_SCALAR(I32Const,
                                                             regs[i->d] =
                                                                 static_cast<std::uint64_t>(
                                                                     std::int64_t{i->imm}))
          PX_SCALAR(F32Const, regs[i->d] = consts[i->imm]) PX_SCALAR(
              F64Const, regs[i->d] = consts[i->imm]) PX_SCALAR(ConstLd, regs[i->d] = consts[i->imm])
#include "pxvm/vm/numeric.def"
              PX_SCALAR(LdU8, PX_DO_LdU8) PX_LOAD(LdI32, std::int32_t, std::int32_t) PX_LOAD(
                  LdF32, float,
                  std::uint32_t) PX_LOAD(LdS8, std::uint8_t,
                                         std::int8_t) PX_LOAD(LdU16, std::uint8_t, std::uint16_t)
                  PX_LOAD(LdS16, std::uint8_t, std::int16_t) PX_LOAD(LdU32, std::uint8_t, std::uint32_t) PX_LOAD(
                      LdU64,
                      std::uint8_t,
                      std::uint64_t) PX_SCALAR(StU8,
                                               PX_DO_StU8) PX_STORE(StI32, std::int32_t, std::uint32_t)
                      PX_STORE(StF32, float, std::uint32_t) PX_STORE(StU16, std::uint8_t, std::uint16_t) PX_STORE(
                          StU32,
                          std::uint8_t, std::uint32_t) PX_STORE(StU64, std::uint8_t, std::uint64_t)
                          PX_LOAD(LdS32, std::uint8_t, std::int32_t) PX_CHECKED(PxGet, op_pixel(*i)) PX_STEP(
                              PxPut,
                              op_pixel(
                                  *i)) PX_STEP(PxFill,
                                               op_fill_pixels(
                                                   *i)) PX_STEP(PxBlit,
                                                                op_blit(
                                                                    *i)) PX_STEP(MemFill,
                                                                                 op_fill_bytes(
                                                                                     *i)) PX_STEP(MemCopy, op_copy_bytes(*i))
                              PX_SCALAR(Dim, regs[i->d] = of(tensors[i->a].dims[static_cast<std::size_t>(i->imm)])) PX_STEP(
                                  StrLen,
                                  op_string(*i)) PX_STEP(StrByte,
                                                         op_string(
                                                             *i)) PX_STEP(StrCopy, op_string(*i))
                                  PX_LOAD_AT(LdU8At, std::uint8_t, std::uint8_t) PX_LOAD_AT(
                                      LdU16At, std::uint8_t,
                                      std::
                                          uint16_t) PX_LOAD_AT(LdU32At, std::uint8_t, std::uint32_t)
                                      PX_LOAD_AT(LdU64At, std::uint8_t, std::uint64_t) PX_LOAD_AT(
                                          LdI32At, std::int32_t,
                                          std::int32_t) PX_LOAD_AT(LdF32At, float,
                                                                   std::uint32_t) PX_STORE_AT(StU8At, std::uint8_t, std::uint8_t)
                                          PX_STORE_AT(StU16At, std::uint8_t, std::uint16_t) PX_STORE_AT(
                                              StU32At, std::uint8_t,
                                              std::
                                                  uint32_t) PX_STORE_AT(StU64At, std::uint8_t, std::uint64_t)
                                              PX_STORE_AT(StI32At, std::int32_t, std::uint32_t) PX_STORE_AT(
                                                  StF32At, float,
                                                  std::uint32_t) PX_STEP(Host, op_host(*i))
                                                  PX_CHECKED(Bind, op_bind(*i)) PX_STEP(
                                                      Tail,
                                                      op_rows(
                                                          *i,
                                                          t(i->a)
                                                                  .dims[0] -
                                                              t(i->d)
                                                                  .dims[0])) PX_STEP(Rows,
                                                                                     op_rows(
                                                                                         *i,
                                                                                         s64(regs[i->b])))
                                                      PX_STEP(Matmul, op_matmul(*i)) PX_STEP(
                                                          MatmulF32,
                                                          op_matmul_f32(
                                                              *i)) PX_STEP(Gather,
                                                                           op_gather(
                                                                               *i)) PX_STEP(Add,
                                                                                            op_row(
                                                                                                *i))
                                                          PX_STEP(Mul, op_row(*i)) PX_STEP(
                                                              AddRow,
                                                              op_row(
                                                                  *i)) PX_STEP(Scale,
                                                                               op_row(
                                                                                   *i)) PX_STEP(Relu, op_row(*i))
                                                              PX_STEP(SiluMul, op_row(*i)) PX_STEP(
                                                                  Gelu, op_row(*i)) PX_STEP(GeluMul,
                                                                                            op_row(
                                                                                                *i))
                                                                  PX_STEP(GeluErf, op_row(*i)) PX_STEP(
                                                                      SoftCap,
                                                                      op_row(
                                                                          *i)) PX_STEP(Copy,
                                                                                       op_row(*i))
                                                                      PX_STEP(Fill, op_row(*i)) PX_STEP(
                                                                          Iota, op_iota(
                                                                                    *i)) PX_STEP(RmsNorm,
                                                                                                 op_row(
                                                                                                     *i))
                                                                          PX_STEP(Softmax, op_row(*i)) PX_STEP(
                                                                              MeanRows,
                                                                              op_mean_rows(
                                                                                  *i)) PX_STEP(LayerNorm,
                                                                                               op_row(
                                                                                                   *i))
                                                                              PX_STEP(HeadNorm, op_row(*i)) PX_STEP(
                                                                                  RMin,
                                                                                  op_reduce(
                                                                                      *i)) PX_STEP(RMax,
                                                                                                   op_reduce(
                                                                                                       *i))
                                                                                  PX_STEP(Rope, op_row(*i)) PX_STEP(
                                                                                      KvAppend,
                                                                                      op_row(
                                                                                          *i)) PX_STEP(Attention,
                                                                                                       op_attention(
                                                                                                           *i))
                                                                                      PX_STEP(
                                                                                          RopeBy,
                                                                                          op_row(
                                                                                              *i))
                                                                                          PX_STEP(
                                                                                              TopK,
                                                                                              op_topk(
                                                                                                  *i))
                                                                                              PX_STEP(
                                                                                                  ArgMax,
                                                                                                  op_reduce(
                                                                                                      *i))
                                                                                                  PX_CASE(
                                                                                                      Group) {
        const Group& group = plan_.groups[static_cast<std::size_t>(i->imm)];
        settle(budget);
        if (std::size_t pc = group.first; !run_group(group, pc)) return pc;
        i = code + group.end;
        PX_DISPATCH();
      }
#define PX_PAIR PX_PAIR_CASE
#include "pxvm/vm/pairs.def"
#undef PX_PAIR
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
