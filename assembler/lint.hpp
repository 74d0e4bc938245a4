#pragma once
// Warnings about a program that verifies: what is declared for nothing, code that no path reaches,
// scalars that are computed and forgotten. Each is a row of warnings.def.

#include "assembler/assembly.hpp"

#include <bitset>

namespace pxos::assembler {

/// Reports at the declaration, instruction or operand. What comes out of a macro is not reported
/// where one use may need what another does not; nor are names in included files, which other
/// programs share (tensors are: a model must have them).
void lint(Assembly& assembly);

/// Instructions that a path from an entry reaches.
[[nodiscard]] std::vector<bool> reachable_code(const isa::Program& program);

/// Instructions whose only effect is a scalar that no path reads. Empty for programs too tangled to
/// say in reasonable time.
[[nodiscard]] std::vector<std::size_t> dead_stores(const isa::Program& program);

}  // namespace pxos::assembler
