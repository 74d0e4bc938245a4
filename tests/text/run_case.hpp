#pragma once
// The command `run` of text cases: a program runs with weights made up from its declarations.

#include "pxvm/isa/program.hpp"

#include <string>

namespace pxos::test {

/// Calls each entry, which must have no arguments, on one machine: "name: r0 = 5" and its results
/// element by element, or "name: trap at ..". Imports must have constant shapes; element i of one
/// is (i * 5 mod 11 - 5) / 4. Host calls print themselves and return the sum of their arguments.
[[nodiscard]] std::string run_entries(const std::string& text, const isa::Program& program);

}  // namespace pxos::test
