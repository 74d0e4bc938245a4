#pragma once
// Random programs that verify, over every instruction of opcodes.def: what a row says about
// operands and shapes is all this knows, so a new row is covered by being there.

#include <cstdint>
#include <string>

namespace pxos::test {

/// The text of program `seed`; `small` keeps immediates at 0 for instructions that limit theirs.
[[nodiscard]] std::string generated_program(std::uint64_t seed, bool small);

}  // namespace pxos::test
