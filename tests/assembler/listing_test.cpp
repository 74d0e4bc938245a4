#include "assembler/assembler.hpp"
#include "assembler/disassembler.hpp"

#include <catch2/catch.hpp>

namespace {

pxos::assembler::AssembleResult assembled() {
  pxos::assembler::AssembleOptions options;
  options.source = {"a.pxasm", ".entry f()\n    i64.const r1, 258   ; why\n    halt\n"};
  return pxos::assembler::assemble(options);
}

}  // namespace

TEST_CASE("A listing shows each instruction's pixels below its source line", "[assembler]") {
  const auto result = assembled();
  REQUIRE(result.program);
  CHECK(pxos::assembler::listing(result.program->program(), result.sources) ==
        "\nf:\n"
        "; a.pxasm:2      i64.const r1, 258   ; why\n"
        "     0  20 42 01 | 00 00 00 | 02 01 00  i64.const r1, 258\n"
        "; a.pxasm:3      halt\n"
        "     1  08 00 00 | 00 00 00 | 00 00 00  halt\n");
}

TEST_CASE("A listing without sources or debug table still lists", "[assembler]") {
  pxos::isa::Program program = assembled().program->program();
  CHECK(pxos::assembler::listing(program, {}).find("; a.pxasm:2\n") != std::string::npos);
  program.debug.files.clear();
  CHECK(pxos::assembler::listing(program, {}).find("a.pxasm") == std::string::npos);
  program.debug.lines.clear();
  CHECK(pxos::assembler::listing(program, {}).find("i64.const r1, 258") != std::string::npos);
}
