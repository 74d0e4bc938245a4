#include "assembler/disassembler.hpp"

#include "assembler/assembler.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/isa/image.hpp"
#include "tests/assembler/generated_programs.hpp"
#include "tests/support/conformance.hpp"

#include <filesystem>
#include <set>

#include <catch2/catch.hpp>

namespace {

using pxos::isa::Program;

/// Assembles the disassembly and compares the pixels.
void check_round_trip(const Program& program) {
  const std::string text = pxos::assembler::disassemble(program);
  const auto again = pxos::assembler::assemble({{"again.pxasm", text}, {}, true});
  INFO(text);
  INFO(pxos::assembler::render_all(again.diagnostics, again.sources));
  REQUIRE(again.program);
  const auto before = pxos::isa::encode_program(program);
  const auto after = pxos::isa::encode_program(again.program->program());
  REQUIRE(before.has_value());
  REQUIRE(after.has_value());
  REQUIRE(before->rgb == after->rgb);
}

pxos::Result<std::string> read_shipped(std::string_view name) {
  PX_TRY(const auto bytes, pxos::read_file(pxos::test::source_folder() / "programs" / name));
  return std::string(pxos::as_text(bytes));
}

Program assembled(const std::string& path, const std::string& text, bool debug_info) {
  const auto result = pxos::assembler::assemble({{path, text}, read_shipped, debug_info});
  INFO(pxos::assembler::render_all(result.diagnostics, result.sources));
  INFO(text);
  REQUIRE(result.program);
  return result.program->program();
}

/// Assembles program `seed`; instructions that limit their immediate get a small one.
Program generated(std::uint64_t seed) {
  pxos::assembler::AssembleOptions options;
  options.debug_info = seed % 2 == 0;
  options.source = {"generated.pxasm", pxos::test::generated_program(seed, false)};
  auto result = pxos::assembler::assemble(options);
  if (!result.program) {
    options.source.text = pxos::test::generated_program(seed, true);
    result = pxos::assembler::assemble(options);
  }
  INFO(pxos::assembler::render_all(result.diagnostics, result.sources));
  INFO(options.source.text);
  REQUIRE(result.program);
  return result.program->program();
}

}  // namespace

TEST_CASE("Programs that ship come back from their disassembly byte for byte", "[assembler]") {
  std::size_t programs = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(pxos::test::source_folder() / "programs")) {
    if (file.path().extension() != ".pxasm") continue;
    const auto text = pxos::read_file(file.path());
    REQUIRE(text);
    const std::string name = file.path().filename().string();
    // A text that is only included has no program of its own.
    if (pxos::as_text(*text).find("\n.program ") == std::string_view::npos) continue;
    check_round_trip(assembled(name, std::string(pxos::as_text(*text)), true));
    check_round_trip(assembled(name, std::string(pxos::as_text(*text)), false));
    ++programs;
  }
  CHECK(programs >= 2);
}

TEST_CASE("Generated programs over all instructions come back byte for byte", "[assembler]") {
  std::set<pxos::isa::Opcode> seen;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    INFO("seed " << seed);
    const Program program = generated(seed);
    for (const auto& instruction : program.code) seen.insert(instruction.opcode());
    check_round_trip(program);
  }
  CHECK(seen.size() == pxos::isa::all_opcodes().size());
}

TEST_CASE("Names that look like registers, and tables in unusual order, come back", "[assembler]") {
  Program program = assembled(
      "a.pxasm",
      ".param `r5` = 32\n.dim T = 1..8\n.temp `t3` : f32[T, `r5`]\n"
      ".entry first(x: f32[T, `r5`]) -> y: f32[T, `r5`]\n copy `t3`, x\n copy y, `t3`\n halt\n"
      ".entry second(x)\n halt\n",
      true);
  check_round_trip(program);
  std::swap(program.entries[0],
            program.entries[1]);  // entries need not be in the order of their code
  check_round_trip(program);
  program.debug.files.push_back("a.pxasm");  // two files of one name
  for (auto& line : program.debug.lines) line.file = line.line % 2 == 0 ? 1 : 0;
  check_round_trip(program);
}
