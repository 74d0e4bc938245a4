#include "assembler/assembler.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

namespace {

using pxos::assembler::assemble;
using pxos::assembler::AssembleOptions;
using pxos::assembler::AssembleResult;
using pxos::isa::Instruction;
using pxos::isa::Opcode;
using pxos::isa::Program;

/// What the programs that ship include.
pxos::Result<std::string> read_shipped(std::string_view name) {
  PX_TRY(const auto bytes, pxos::read_file(pxos::test::source_folder() / "programs" / name));
  return std::string(pxos::as_text(bytes));
}

AssembleResult run(std::string text) {
  AssembleOptions options;
  options.source = {"test.pxasm", std::move(text)};
  options.include = read_shipped;
  return assemble(options);
}

/// The program of a text that must assemble.
Program program_of(const std::string& text) {
  const AssembleResult result = run(text);
  INFO(pxos::assembler::render_all(result.diagnostics, result.sources));
  REQUIRE(result.program.has_value());
  return result.program->program();
}

std::vector<Opcode> opcodes(const Program& program) {
  std::vector<Opcode> out;
  for (const Instruction& instruction : program.code) out.push_back(instruction.opcode());
  return out;
}

/// As one text, so that damage reaches the declarations and macros too.
std::string llama_text() {
  std::string text = read_shipped("llama.pxasm").value_or("");
  for (const char* name : {"rotary.pxasm", "decoder.pxasm"}) {
    const auto shared = read_shipped(name);
    REQUIRE(shared);
    const std::string include = std::string(".include \"") + name + "\"";
    const std::size_t at = text.find(include);
    REQUIRE(at != std::string::npos);
    text.replace(at, include.size(), *shared);
  }
  return text;
}

}  // namespace

TEST_CASE("Instructions are encoded field by field", "[assembler]") {
  const Program program =
      program_of(".entry f()\n    i64.const r3, -2\n    i64.add r1, r2, r3\n    halt\n");
  REQUIRE(program.code.size() == 3);
  CHECK(program.code[0] == Instruction{0x20, 0x42, 3, 0, 0, 0, -2});
  CHECK(program.code[1] == Instruction{0x20, 0x7C, 1, 2, 3, 0, 0});
  CHECK(program.code[2] == Instruction{0x08, 0x00, 0, 0, 0, 0, 0});
}

TEST_CASE("Branches count from the next instruction, forwards and backwards", "[assembler]") {
  const Program program =
      program_of(".entry f()\ntop:\n br.eq r0, r1, end\n br top\nend:\n halt\n");
  CHECK(program.code[0].imm == 1);
  CHECK(program.code[1].imm == -2);
}

TEST_CASE("The attention instruction shares its immediate between e and the record",
          "[assembler]") {
  const Program program = program_of(
      ".param d = 32\n.dim T = 1..8\n.region k : f16[64, d]\n.temp q : f32[T, d]\n"
      ".attr unused = rope(heads: 1, head_dim: d, dims: d, base: 1e4)\n"
      ".attr att = attention(heads: 1, kv_heads: 1, head_dim: d, scale: 1.0)\n"
      ".entry f(x: f32[T, d])\n attention q, x, k, k, r200, att\n halt\n");
  CHECK((program.code[0].imm & 0xFFFFFF) == (200 << 16 | 1));
  CHECK(program.code[0].imm >= -(1 << 23));
  CHECK(program.code[0].imm < 0);  // stored as signed 24 bits
}

TEST_CASE("Constants in register positions are made in scratch registers", "[assembler]") {
  const Program program = program_of(
      ".param n = 4\n.entry f()\n.reg i\n i64.const i, 0\ntop:\n i64.add i, i, 1\n br.lt i, n, "
      "top\n halt\n");
  CHECK(opcodes(program) == std::vector<Opcode>{Opcode::kI64Const, Opcode::kI64Const,
                                                Opcode::kI64Add, Opcode::kConstLd, Opcode::kBrLt,
                                                Opcode::kHalt});
  CHECK(program.code[1].d == 255);
  REQUIRE(program.consts.size() == 1);
  CHECK(program.consts[0].type == pxos::isa::ScalarConst::Type::kI64);
}

TEST_CASE("A constant has the type that the operation reads", "[assembler]") {
  const Program program = program_of(
      ".entry f()\n f32.add r0, r0, 1\n f32.add r0, r0, 1\n i64.add r1, r1, 1\n i64.add r1, r1, "
      "9000000\n halt\n");
  REQUIRE(program.consts.size() == 2);  // equal values share one
  CHECK(program.consts[0].type == pxos::isa::ScalarConst::Type::kF32);
  CHECK(program.consts[1].type == pxos::isa::ScalarConst::Type::kI64);
}

TEST_CASE("Array elements are bound once per straight line", "[assembler]") {
  const std::string head =
      ".param n = 2\n.param d = 32\n.dim T = 1..8\n.import w[n] : weight[d, d] = \"w.{}\"\n.temp x "
      ": f32[T, d]\n.temp y : f32[T, d]\n"
      ".entry f(a: f32[T, d])\n.reg l\n i64.const l, 0\n copy x, a\n";
  const auto binds = [&](const std::string& code) {
    const auto list = opcodes(program_of(head + code + " halt\n"));
    return std::count(list.begin(), list.end(), Opcode::kBind);
  };
  CHECK(binds(" matmul y, w[l], x\n matmul x, w[l], y\n") == 1);
  CHECK(binds(" matmul y, w[l], x\n i64.addi l, l, 1\n matmul x, w[l], y\n") == 2);
  CHECK(binds(" matmul y, w[l], x\nhere:\n matmul x, w[l], y\n") == 2);
  CHECK(binds(" matmul y, w[0], x\n matmul x, w[0], y\n") == 1);
  CHECK(binds(" matmul y, w[0], x\n matmul x, w[1], y\n") == 2);
}

TEST_CASE("More array elements than registers are bound again", "[assembler]") {
  std::string text =
      ".param n = 600\n.param d = 32\n.dim T = 1..8\n.import w[n] : weight[d, d] = \"w.{}\"\n.temp "
      "y : f32[T, d]\n"
      ".entry f(x: f32[T, d])\n.repeat 600\n matmul y, w[\\i], x\n.endr\n halt\n";
  const auto list = opcodes(program_of(text));
  CHECK(std::count(list.begin(), list.end(), Opcode::kBind) == 600);
}

TEST_CASE("Registers that the text names are never given out", "[assembler]") {
  const Program program = program_of(
      ".entry f(n: i64)\n.reg a, b\n i64.const r1, 1\n i64.const a, 2\n i64.const b, 3\n i64.add "
      "r255, n, 7\n halt\n");
  CHECK(program.code[1].d == 2);  // n is r0, r1 is mentioned
  CHECK(program.code[2].d == 3);
  CHECK(program.code[3].d == 254);  // scratch for 7: r255 is mentioned
}

TEST_CASE("Homes follow the order of declaration around fixed ones", "[assembler]") {
  const Program program = program_of(
      ".dim T = 1..8\n.temp a : f32[T, 32] @t1\n.temp b : f32[T, 32]\n.temp c : f32[T, 32]\n.home "
      "c, t9\n"
      ".entry f(x: f32[T, 32]) -> y: f32[T, 32]\n copy a, x\n copy b, x\n copy c, x\n copy y, a\n "
      "halt\n");
  const auto home = [&](std::string_view name) {
    return *program.tensors[*program.find_tensor(name)].home;
  };
  CHECK(home("a") == 1);
  CHECK(home("b") == 0);
  CHECK(home("c") == 9);
  CHECK(home("x") == 2);
  CHECK(home("y") == 3);
}

TEST_CASE("The debug table names the statement's line, in a macro the line of its use",
          "[assembler]") {
  const std::string text =
      ".macro two\n i64.const r0, 1\n i64.const r1, 1\n.endm\n.entry f()\n two\n halt\n";
  const Program program = program_of(text);
  REQUIRE(program.debug.lines.size() == 3);
  CHECK(program.debug.files == std::vector<std::string>{"test.pxasm"});
  CHECK(program.debug.lines[0].line == 6);
  CHECK(program.debug.lines[1].line == 6);
  CHECK(program.debug.lines[2].line == 7);
  AssembleOptions options;
  options.source = {"test.pxasm", text};
  options.debug_info = false;
  CHECK(assemble(options).program->program().debug.lines.empty());
}

TEST_CASE("Diagnostics stop at the cap", "[assembler]") {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "nonsense\n";
  const AssembleResult result = run(text);
  CHECK_FALSE(result.program);
  const auto errors = std::count_if(
      result.diagnostics.begin(), result.diagnostics.end(), [](const auto& diagnostic) {
        return diagnostic.severity == pxos::assembler::Severity::kError;
      });
  CHECK(errors == static_cast<std::ptrdiff_t>(pxos::assembler::Caps::kDiagnostics));
}

TEST_CASE("Sources over the cap are refused unread", "[assembler]") {
  const AssembleResult result = run(std::string(pxos::assembler::Caps::kSourceBytes + 1, ' '));
  REQUIRE(result.diagnostics.size() == 1);
  CHECK(result.diagnostics[0].message.find("at most 16777216") != std::string::npos);
}

TEST_CASE("A program has at most 2^20 instructions", "[assembler]") {
  const AssembleResult result = run(".entry f()\n.repeat 1048577\n mov r0, r1\n.endr\n halt\n");
  CHECK_FALSE(result.program);
  REQUIRE_FALSE(result.diagnostics.empty());
  CHECK(result.diagnostics.back().message == "a program has at most 1048576 instructions");
}

TEST_CASE("assemble_or_error gives the diagnostics as its message", "[assembler]") {
  AssembleOptions options;
  options.source = {"test.pxasm", "hlat\n"};
  const auto result = pxos::assembler::assemble_or_error(options);
  REQUIRE_FALSE(result);
  CHECK(result.error().message.starts_with("test.pxasm:1:1: error: unknown instruction 'hlat'\n"));
  CHECK(result.error().message.ends_with("1 error"));
}

TEST_CASE("Every prefix of a program is answered", "[assembler]") {
  const std::string text = llama_text();
  for (std::size_t length = 0; length < text.size(); length += 7) {
    const AssembleResult result = run(text.substr(0, length));
    REQUIRE((result.program || !result.diagnostics.empty()));
  }
}

TEST_CASE("Damaged programs are answered with a program or an error that can be shown",
          "[assembler]") {
  const std::string text = llama_text();
  for (std::uint64_t number = 0; number < 1500; ++number) {
    const pxos::ByteVector damaged = pxos::test::mutate(pxos::as_bytes(text), number);
    const AssembleResult result = run(std::string(pxos::as_text(damaged)));
    const std::string shown = pxos::assembler::render_all(result.diagnostics, result.sources);
    REQUIRE((result.program || !shown.empty()));
  }
}
