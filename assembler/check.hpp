#pragma once
// The verifier's findings as diagnostics at the operand they are about.

#include "assembler/assembly.hpp"
#include "pxvm/isa/verify.hpp"

namespace pxos::assembler {

/// The verified program, or its findings reported.
std::optional<isa::VerifiedProgram> verify_program(Assembly& assembly);

}  // namespace pxos::assembler
