#include "shell/debug/debug_source.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace pxos {
namespace {

using shell::find_places;

constexpr const char* kText = R"(.program s
.macro twice reg
    i64.addi \reg, \reg, 1
    i64.addi \reg, \reg, 1
.endm
.entry main()
    .reg i, n
    i64.const i, 0
    i64.const n, 9
again:
    twice i

    br.lt i, n, again
    halt
.entry other()
    .reg n
    i64.const n, 9
    halt
)";

assembler::AssembleResult assembled() {
  auto result = assembler::assemble({{"dir/s.pxasm", kText}, {}, true});
  INFO(assembler::render_all(result.diagnostics, result.sources));
  REQUIRE(result.program);
  return result;
}

std::string places(std::string_view where) {
  const auto result = assembled();
  const shell::DebugSource source = shell::source_of(result);
  const auto found = find_places(where, result.program->program(), source.names, 0);
  return found ? fmt::format("{}", fmt::join(*found, " ")) : "error: " + found.error().message;
}

TEST_CASE("places are lines, labels, entries, instructions and opcodes", "[shell]") {
  CHECK(places("again") == "2");
  CHECK(places("other") == "6");
  CHECK(places("@3") == "3");
  CHECK(places("8") == "0");
  CHECK(places("11") == "2");          // a macro: its first instruction
  CHECK(places("12") == "4");          // nothing there: the next line with code
  CHECK(places("s.pxasm:13") == "4");  // the end of a path is enough
  CHECK(places("dir/s.pxasm:13") == "4");
  CHECK(places("op halt") == "5 7");
}

TEST_CASE("a place that is not there is said with those that are", "[shell]") {
  CHECK(places("agian").find("one of main, other, again") != std::string::npos);
  CHECK(places("99") == "error: dir/s.pxasm has no instruction at or behind line 99");
  CHECK(places("t.pxasm:3").find("only from dir/s.pxasm") != std::string::npos);
  CHECK(places("s.pxasm:x") == "error: 's.pxasm:x' is not FILE:LINE");
  CHECK(places("@8") == "error: '@8': there are @0 .. @7");
  CHECK(places("op matmul") == "error: this program has no matmul");
  CHECK(places("op zz") == "error: there is no opcode 'zz'");
}

TEST_CASE("a register has its short name where all entries agree", "[shell]") {
  const auto names = shell::source_of(assembled()).names.scalars;
  CHECK(names.at("main.i") == names.at("i"));
  CHECK(names.contains("main.n"));
  CHECK(names.contains("n") == (names.at("main.n") == names.at("other.n")));
}

TEST_CASE("a function is a place: where its calls go", "[shell]") {
  const auto result = assembler::assemble(
      {{"f.pxasm",
        ".program f\n.entry main()\n    .reg a\n    i64.const a, 1\n    call twice, a\n    halt\n"
        ".func twice(n)\n    i64.add n, n, n\n    ret\n"},
       {},
       true});
  INFO(assembler::render_all(result.diagnostics, result.sources));
  REQUIRE(result.program);
  const isa::Program& program = result.program->program();
  const auto names = shell::source_of(result).names;
  const auto places = find_places("twice", program, names, 0);
  REQUIRE(places);
  CHECK(isa::instruction_text(program, places->front()).find("i64.add") == 0);
}

TEST_CASE("lines of the text are at hand", "[shell]") {
  const shell::DebugSource source = shell::source_of(assembled());
  CHECK(source.line("dir/s.pxasm", 8) == "    i64.const i, 0");
  CHECK(source.line("dir/s.pxasm", 99).empty());
  CHECK(source.line("zz", 1).empty());
  CHECK(source.line_count("dir/s.pxasm") == 18);
  CHECK(source.line_count("zz") == 0);
}

}  // namespace
}  // namespace pxos
