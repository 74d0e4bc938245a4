#pragma once
// Programs for the verifier to judge: made at random so that many of them pass, and changed at
// random so that many do not.

#include "pxvm/base/rng.hpp"
#include "pxvm/isa/opcodes.hpp"
#include "pxvm/isa/program.hpp"

namespace pxos::test {

/// `opcode` with all operands zero.
[[nodiscard]] isa::Instruction blank_instruction(isa::Opcode opcode);

/// A few tensors of every kind, entries and functions of scalar, memory and view instructions.
[[nodiscard]] isa::Program random_program(CounterRng& rng);

/// Changes a few fields of instructions, entries and declarations; keeps the program small.
void mutate_program(isa::Program& program, CounterRng& rng);

}  // namespace pxos::test
