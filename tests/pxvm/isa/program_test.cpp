#include "pxvm/isa/program.hpp"

#include "tests/pxvm/isa/program_builder.hpp"

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using test::ProgramBuilder;
using test::small_transformer;

TEST_CASE("program: e is the top byte of the immediate, i its low half, unsigned", "[isa]") {
  const OpInfo& attention = *find_mnemonic("attention");
  const Instruction instruction{0xB0, 0x02, 1, 2, 3, 4, static_cast<std::int32_t>(0xFFC8FFFE)};
  CHECK(field_value(instruction, attention, Field::kD) == 1);
  CHECK(field_value(instruction, attention, Field::kA) == 2);
  CHECK(field_value(instruction, attention, Field::kB) == 3);
  CHECK(field_value(instruction, attention, Field::kC) == 4);
  CHECK(field_value(instruction, attention, Field::kE) == 0xC8);
  CHECK(field_value(instruction, attention, Field::kI) == 0xFFFE);
}

TEST_CASE("program: without e the immediate is signed", "[isa]") {
  const OpInfo& addi = *find_mnemonic("i64.addi");
  CHECK(field_value({0x20, 0x01, 0, 0, 0, 0, -5}, addi, Field::kI) == -5);
}

TEST_CASE("program: instruction_text names what has a name", "[isa]") {
  const Program program = small_transformer().program;
  CHECK(instruction_text(program, 0) == "gather x, embd, tokens");
  CHECK(instruction_text(program, 2) == "const r3, #1");
  CHECK(instruction_text(program, 4) == "bind t101, wq, r2");
  CHECK(instruction_text(program, 8) == "rmsnorm xn, x, t100, eps");
  CHECK(instruction_text(program, 9) == "matmul q, t101, xn");
  CHECK(instruction_text(program, 11) == "rope q, r0, rot");
  CHECK(instruction_text(program, 13) == "attention mixed, q, t104, t104, r0, att");
  CHECK(instruction_text(program, 17) == "br.lt r2, r3, L3");
  CHECK(instruction_text(program, 20) == "halt");
}

TEST_CASE("program: instruction_text quotes strings on one line and cuts long ones", "[isa]") {
  ProgramBuilder b;
  b.program.strings = {"say \"hi\"\n\x01", std::string(100, 'a')};
  b.op("trap", {"0"});
  b.op("trap", {"1"});
  b.op("host", {"r1", "r2", "r3", "r4", "console.text"});
  CHECK(instruction_text(b.program, 0) == R"(trap "say \"hi\"\n\x01")");
  CHECK(instruction_text(b.program, 1) == "trap \"" + std::string(60, 'a') + "\"...");
  CHECK(instruction_text(b.program, 2) == "host r1, r2, r3, r4, console.text");
}

TEST_CASE("program: instruction_text survives indices out of every table", "[isa]") {
  ProgramBuilder b;
  b.op("trap", {"-1"});
  b.op("rmsnorm", {"t1", "t2", "t3", "9"});
  b.op("bind", {"t1", "7", "r0"});
  b.op("host", {"r0", "r0", "r0", "r0", "999"});
  b.program.code.push_back({0xFF, 0x01, 0, 0, 0, 0, 0});
  CHECK(instruction_text(b.program, 0) == "trap #-1");
  CHECK(instruction_text(b.program, 1) == "rmsnorm t1, t2, t3, #9");
  CHECK(instruction_text(b.program, 2) == "bind t1, #7, r0");
  CHECK(instruction_text(b.program, 3) == "host r0, r0, r0, r0, #999");
  CHECK(instruction_text(b.program, 4) == "unknown instruction 0xff 0x01");
  CHECK(instruction_text(b.program, 5) == "(no instruction)");
}

TEST_CASE("program: location_text is file and line, or the pc", "[isa]") {
  Program program;
  CHECK(location_text(program, 17) == "pc 17");
  program.debug = {{"llama.pxasm"}, {{0, 42}, {3, 1}}};
  CHECK(location_text(program, 0) == "llama.pxasm:42");
  CHECK(location_text(program, 1) == "pc 1");  // a file that is not in the table
}

TEST_CASE("program: entries and tensors are found by name", "[isa]") {
  const Program program = small_transformer().program;
  REQUIRE(program.find_entry("forward") != nullptr);
  CHECK(program.find_entry("forward")->results.size() == 1);
  CHECK(program.find_entry("backward") == nullptr);
  CHECK(program.tensors[program.find_tensor("wq").value()].is_array);
  CHECK_FALSE(program.find_tensor("wz"));
  CHECK(program.symbol_names().at(1) == "dim");
}

TEST_CASE("program: attribute records list each field once", "[isa]") {
  CHECK(attr_kind_name(AttrRecord::Kind::kRope) == "rope");
  CHECK(attr_kind_name(AttrRecord::Kind::kAttention) == "attention");
  CHECK(attr_fields(AttrRecord::Kind::kRope).size() == 10);
  const auto fields = attr_fields(AttrRecord::Kind::kAttention);
  REQUIRE(fields.size() == 6);
  CHECK(fields[4].name == "window");
  CHECK(fields[4].is_integer);
  CHECK(fields[4].default_value == 0.0);
  CHECK_FALSE(fields[3].default_value);  // scale must be given
}

}  // namespace
}  // namespace pxos::isa
