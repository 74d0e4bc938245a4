#pragma once
// The interpreter loop over a verified, linked program. Private to vm: Machine::call is the way in.

#include "pxvm/isa/program.hpp"
#include "pxvm/vm/machine.hpp"

#include <cstddef>

namespace pxos::vm {

class Interpreter {
 public:
  explicit Interpreter(Machine& machine);

  /// Runs from `start` to halt or trap; returns the pc it stopped at. The trap is left in the
  /// machine.
  std::size_t run(std::size_t start);

 private:
  using Instruction = isa::Instruction;

  /// The loop, once with and once without the profile.
  template <bool kProfiled>
  std::size_t run_loop(std::size_t start);
  bool execute_profiled(const Instruction& instruction, std::size_t pc);

  /// Executes one instruction that is not control flow. False: the machine's trap is set.
  bool execute(const Instruction& instruction);
  bool execute_scalar(const Instruction& instruction);
  bool execute_memory(const Instruction& instruction);
  bool execute_tensor(const Instruction& instruction);
  bool branch_taken(const Instruction& instruction) const;

  bool op_bind(const Instruction& i);
  bool op_rows(const Instruction& i, std::int64_t first);
  bool op_matmul(const Instruction& i);
  bool op_gather(const Instruction& i);
  bool op_rmsnorm(const Instruction& i);
  bool op_rope(const Instruction& i);
  bool op_kvappend(const Instruction& i);
  bool op_attention(const Instruction& i);
  bool op_topk(const Instruction& i);
  bool op_host(const Instruction& i);
  bool op_elementwise(const Instruction& i);
  bool op_reduce(const Instruction& i);
  bool op_divide(const Instruction& i);
  bool op_truncate(const Instruction& i);
  bool op_pixel(const Instruction& i);
  bool op_dim(const Instruction& i);

  /// Linear element access: sets `address` or traps. One shared bounds check for all element
  /// operations.
  bool element(const TensorView& view, std::uint64_t index, std::uint64_t bytes,
               std::uint8_t*& address);
  bool trap(TrapKind kind, std::string detail);
  /// What a tensor operation's result means: true, or interrupted.
  bool finished(bool completed);
  /// Fuel for `multiply_adds` of tensor work.
  bool charge(std::uint64_t multiply_adds);

  std::uint64_t& r(std::uint8_t index) { return machine_.scalars_[index]; }
  [[nodiscard]] std::uint64_t r(std::uint8_t index) const { return machine_.scalars_[index]; }
  [[nodiscard]] std::int64_t i64(std::uint8_t index) const {
    return static_cast<std::int64_t>(machine_.scalars_[index]);
  }
  [[nodiscard]] float f32(std::uint8_t index) const;
  void set_f32(std::uint8_t index, float value);
  TensorView& t(std::uint8_t index) { return machine_.tensors_[index]; }

  Machine& machine_;
  const LinkedProgram& linked_;
  tensor::OpContext context_;
  std::uint64_t fuel_left_;
};

}  // namespace pxos::vm
