// dis: a program picture to text that assembles again.

#include "assembler/disassembler.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {

VerbAction setup_dis(VerbSyntax& verb) {
  auto path = std::make_shared<std::string>();
  verb.add_option("PROGRAM", *path, "program picture (.pxi)")->required();
  return [path]() -> Result<int> {
    PX_TRY(const isa::Program program, read_program(*path));
    print_out("{}", assembler::disassemble(program));
    return 0;
  };
}

}  // namespace pxos::shell
