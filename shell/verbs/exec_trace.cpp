#include "shell/verbs/exec_trace.hpp"

#include "shell/print.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace pxos::shell {

bool ExecTrace::before(std::size_t pc) {
  const isa::Program& program = machine_.linked().program();
  const std::size_t depth = machine_.calls().size();
  print_to(stderr, "{:>6}  {:<24} {:>{}}{}{}\n", pc, isa::location_text(program, pc), "",
           2 * std::min<std::size_t>(depth, 20), isa::instruction_text(program, pc),
           machine_.operand_values(program.code[pc]));
  return true;
}

}  // namespace pxos::shell
