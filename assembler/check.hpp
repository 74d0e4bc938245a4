#pragma once
// Last pass: the verifier's findings as diagnostics at the operand they are about, and warnings.

#include "assembler/assembly.hpp"
#include "pxvm/isa/verify.hpp"

namespace pxos::assembler {

/// Imports, regions, temps and views that no instruction names.
void warn_unused(Assembly& assembly);

/// The verified program, or its findings reported.
std::optional<isa::VerifiedProgram> verify_program(Assembly& assembly);

}  // namespace pxos::assembler
