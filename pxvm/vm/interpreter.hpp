#pragma once
// The interpreter loop over a verified, linked program. Private to vm: Machine::call is the way in.
//
// It runs the records of a Plan. Scalar code is in the loop itself; a tensor record resolves its
// operands, makes the one run-time check its opcode leaves open (opcodes.def says which), charges
// its fuel and calls pxvm/tensor. A group does the same for all its members first; when one of them
// would trap or run out of fuel, the group is run one by one, so that the fault is the same one at
// the same pc as without fusion.

#include "pxvm/vm/machine.hpp"
#include "pxvm/vm/numeric.hpp"
#include "pxvm/vm/plan.hpp"
#include "pxvm/vm/profile.hpp"
#include "pxvm/vm/row_op.hpp"

#include <array>
#include <cstddef>

namespace pxos::vm {

class Interpreter {
 public:
  explicit Interpreter(Machine& machine);

  /// Runs from `start` to halt or trap; returns the pc it stopped at. The trap is left in the
  /// machine.
  std::size_t run(std::size_t start);

 private:
  /// A group with its operands resolved.
  struct BoundGroup {
    std::array<RowOp, Group::kMaxRows> row_list;
    std::array<tensor::MatmulTarget, Group::kMaxProducts> product_list;
    std::size_t rows = 0;
    std::size_t products = 0;
    tensor::ConstMatF32 x;
    std::uint64_t fuel = 0;
  };

  /// The loop, once with and once without a profile or debugger that looks on.
  template <bool kObserved>
  std::size_t run_loop(std::size_t start);

  /// Counts instruction `pc` and asks the debug port. False: the machine pauses before it.
  bool observe(std::size_t pc, std::int64_t& budget);

  bool op_bind(const Record& i);
  bool op_rows(const Record& i, std::int64_t first);
  bool op_matmul(const Record& i);
  bool op_gather(const Record& i);
  bool op_iota(const Record& i);
  bool op_matmul_f32(const Record& i);
  bool op_mean_rows(const Record& i);
  bool op_attention(const Record& i);
  bool op_topk(const Record& i);
  bool op_reduce(const Record& i);
  bool find_largest(const Record& i, std::span<const float> x);
  bool find_range(const Record& i, std::span<const float> x);
  bool op_row(const Record& i);
  bool op_host(const Record& i);
  /// The trap of a numeric instruction without a result.
  bool fault(const Record& i, numeric::Fault fault);
  bool op_yield();
  bool op_pixel(const Record& i);
  bool op_fill_pixels(const Record& i);
  bool op_blit(const Record& i);
  bool op_fill_bytes(const Record& i);
  bool op_copy_bytes(const Record& i);
  bool op_string(const Record& i);
  bool op_trap(const Record& i);

  /// Operands of a row operation. False: it traps.
  bool resolve(const Record& i, RowOp& op);
  bool resolve_rope(const Record& i, RowOp& op);
  /// Gives op its rotations of positions op.pos .. op.pos + rows - 1, made where they are not there
  /// yet. False: interrupted.
  bool find_rotations(std::size_t attr, std::span<const float> factors, RowOp& op);
  /// Rotations from `first` on into the whole of `entries`.
  bool make_rotations(const Machine::RopeTable& table, const tensor::RopeParams& params,
                      std::int64_t first, std::vector<float>& entries);
  bool resolve_kvappend(const Record& i, RowOp& op);
  /// Operands, checks and fuel of all members; true when nothing of it traps.
  bool resolve(const Group& group, BoundGroup& bound);
  /// False: the machine's trap is set and `pc` is where.
  bool run_group(const Group& group, std::size_t& pc);
  bool run_fused(BoundGroup& bound);
  bool run_rows(const BoundGroup& bound);
  void make_rows(const BoundGroup& bound, std::int64_t first, std::int64_t count);
  bool run_one_by_one(const Group& group, std::size_t& pc);

  /// Work on memory that moves up to `bytes` at once: fuel, then `step(first, count)` in pieces
  /// between which the program can be stopped.
  template <class Step>
  bool in_pieces(std::uint64_t bytes, Step step);
  /// Why an access is outside: `span` elements from `at`, or from (x, y).
  bool outside(const TensorView& view, std::uint64_t at, std::uint64_t span);
  bool outside_row(const TensorView& view, std::uint64_t x, std::uint64_t y, std::uint64_t span);
  /// Why a call has no room.
  bool overflow(std::size_t depth);
  bool trap(TrapKind kind, std::string detail);
  /// What a tensor operation's result means: true, or interrupted.
  bool finished(bool completed);
  /// False and a trap once the stop flag is set.
  bool go_on() { return finished(!machine_.options_.stop->load(std::memory_order_relaxed)); }
  /// Fuel for `multiply_adds` of tensor work.
  bool charge(std::uint64_t multiply_adds);
  /// Runs `body`, the work of the record at pc_; its time goes to the profile, if there is one.
  template <class Body>
  bool kernel(Body body) {
    if (machine_.options_.profile == nullptr) return finished(body());
    const auto start = Profile::Clock::now();
    const bool completed = body();
    profile().add_time(pc_, Profile::Clock::now() - start);
    return finished(completed);
  }
  void add_cost(const OpCost& cost) {
    if (machine_.options_.profile != nullptr) profile().add_cost(pc_, cost);
  }
  static std::uint64_t fuel_of(std::uint64_t multiply_adds) { return 1 + multiply_adds / 1024; }
  /// The loop spends from a budget of its own, which is fuel that was charged in advance. Once that
  /// is below zero, by the last branch back or call, which cost `units`: charges it exactly, looks
  /// at the stop flag and charges the next budget.
  bool refill(std::int64_t& budget, std::int64_t units);
  /// Gives back what is left, and tells the machine where its window is: before anything that
  /// others look at, and before tensor operations charge fuel themselves.
  void settle(std::int64_t& budget);

  std::uint64_t& r(std::uint8_t index) { return regs_[index]; }
  [[nodiscard]] std::int64_t i64(std::uint8_t index) const {
    return static_cast<std::int64_t>(regs_[index]);
  }
  [[nodiscard]] float f32_at(std::uint8_t index) const;
  void set_f32(std::uint8_t index, float value);
  TensorView& t(std::uint8_t index) { return machine_.tensors_[index]; }
  [[nodiscard]] Profile& profile() const { return *machine_.options_.profile; }

  Machine& machine_;
  const LinkedProgram& linked_;
  const Plan& plan_;
  tensor::OpContext context_;
  tensor::OpContext inline_context_;  ///< for rows inside a section: a pool of one
  std::uint64_t fuel_left_;
  std::uint64_t* regs_;            ///< the window
  const std::uint64_t* used_end_;  ///< of the slots that a call has reached
  CallFrame* top_;                 ///< behind the innermost call
  std::size_t pc_ = 0;             ///< of the record that runs; only with a profile
};

}  // namespace pxos::vm
