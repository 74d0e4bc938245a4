#pragma once
// What one tensor instruction must move and compute, from the shapes of its operands. For profiles;
// private to vm.

#include "pxvm/isa/program.hpp"
#include "pxvm/vm/machine.hpp"
#include "pxvm/vm/profile.hpp"

#include <cstdint>
#include <span>

namespace pxos::vm {

/// The registers an instruction sees.
struct RegisterFile {
  std::span<const std::uint64_t, 256> scalars;
  std::span<const TensorView, 256> tensors;
};

/// Every operand once: a matmul reads all of its weights, a gather its rows, attention the rows of
/// both caches that it can see. Instructions without tensor work cost nothing.
[[nodiscard]] OpCost operation_cost(const isa::Instruction& instruction,
                                    const RegisterFile& registers);

}  // namespace pxos::vm
