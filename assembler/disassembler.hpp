#pragma once
// Programs back to text.

#include "assembler/diagnostic.hpp"
#include "pxvm/isa/program.hpp"

#include <span>
#include <string>

namespace pxos::assembler {

/// Text that assembles to the same program: encode(assemble(disassemble(p))) == encode(p), byte for
/// byte, for every program that isa::verify accepts. Registers, tables and the debug table are
/// written out explicitly.
[[nodiscard]] std::string disassemble(const isa::Program& program);

/// One line per instruction: index, its three pixels in hex, and the instruction; above them the
/// source line they come from where the debug table and `sources` know it.
[[nodiscard]] std::string listing(const isa::Program& program, std::span<const SourceFile> sources);

}  // namespace pxos::assembler
