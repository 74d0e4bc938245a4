#include "pxvm/isa/flow.hpp"

#include "tests/pxvm/isa/program_builder.hpp"

#include <map>

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using test::ProgramBuilder;
using Element = TensorDecl::Element;
using Status = RegisterCell::Status;

/// x and y of one type, z of another, a view, arrays of either kind.
ProgramBuilder tensors() {
  using Kind = TensorDecl::Kind;
  ProgramBuilder b;
  b.temp("x", {"8", "4"});
  b.temp("y", {"8", "4"});
  b.temp("z", {"2", "4"});
  b.tensor(Kind::kView, "v", Element::kF32, {"2", "4"});
  b.tensor(Kind::kInput, "in", Element::kF32, {"8", "4"});
  b.array(Kind::kRegion, "ra", Element::kF32, "3", {"8", "4"});
  b.array(Kind::kRegion, "rb", Element::kF32, "3", {"8", "4"});
  b.array(Kind::kRegion, "rc", Element::kF32, "3", {"9", "4"});
  b.entry("main");
  return b;
}

/// The register before each reachable instruction.
std::map<std::size_t, RegisterCell> cells(const ProgramBuilder& b, std::uint8_t reg) {
  const std::vector<bool> sound(b.program.code.size(), true);
  Flow flow(b.program, sound);
  REQUIRE(flow.run());
  std::map<std::size_t, RegisterCell> out;
  flow.for_each(
      [&](std::size_t pc, const Flow::Registers& registers) { out.emplace(pc, registers(reg)); });
  return out;
}

TEST_CASE("flow: homes are set at entry, views and other registers are not", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("halt");
  CHECK(cells(b, 0).at(0) == RegisterCell{Status::kKnown, 0, 0});
  CHECK(cells(b, 4).at(0) == RegisterCell{Status::kKnown, 4, 4});
  CHECK(cells(b, 3).at(0).status == Status::kUnset);
  CHECK(cells(b, 99).at(0).status == Status::kUnset);
}

TEST_CASE("flow: a view keeps its own type and the memory of its source", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("tail", {"v", "in"});
  b.op("tail", {"v", "x"});
  b.op("halt");
  const auto v = cells(b, 3);
  CHECK(v.at(0).status == Status::kUnset);
  CHECK(v.at(1) == RegisterCell{Status::kKnown, 3, 4});
  CHECK(v.at(2) == RegisterCell{Status::kKnown, 3, 0});
}

TEST_CASE("flow: bind has the type of its array", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("bind", {"t50", "ra", "r0"});
  b.op("halt");
  CHECK(cells(b, 50).at(1) == RegisterCell{Status::kKnown, 5, 5});
}

TEST_CASE("flow: unreachable code is not visited", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("br", {"1"});
  b.op("bind", {"t50", "ra", "r0"});
  b.op("halt");
  CHECK(cells(b, 50).size() == 2);
  CHECK(cells(b, 50).at(2).status == Status::kUnset);
}

/// if r0 == r1: first; else: second; then halt at pc 4.
RegisterCell joined(std::string_view first, std::string_view second) {
  ProgramBuilder b = tensors();
  b.op("br.eq", {"r0", "r1", "2"});
  second.empty() ? b.op("mov", {"r2", "r2"}) : b.op("bind", {"t50", second, "r0"});
  b.op("br", {"1"});
  first.empty() ? b.op("mov", {"r2", "r2"}) : b.op("bind", {"t50", first, "r0"});
  b.op("halt");
  return cells(b, 50).at(4);
}

TEST_CASE("flow: equal types stay where paths meet, others conflict", "[isa]") {
  CHECK(joined("ra", "ra") == RegisterCell{Status::kKnown, 5, 5});
  // Of one type: x is the first declaration of it.
  CHECK(joined("ra", "rb") == RegisterCell{Status::kKnown, 0, RegisterCell::kManyWritable});
  CHECK(joined("ra", "rc").status == Status::kMixed);
  CHECK(joined("ra", "").status == Status::kPartly);
  CHECK(joined("", "rc").status == Status::kPartly);
}

TEST_CASE("flow: a loop reaches its fixed point", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("bind", {"t50", "ra", "r0"});
  b.op("mov", {"r2", "r2"});  // 1: ra, then rc from the back-edge
  b.op("bind", {"t50", "rc", "r0"});
  b.op("br.lt", {"r0", "r1", "-3"});
  b.op("halt");
  CHECK(cells(b, 50).at(1).status == Status::kMixed);
  CHECK(cells(b, 50).at(4) == RegisterCell{Status::kKnown, 7, 7});
}

TEST_CASE("flow: read-only memory stays read-only where paths meet", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("br.eq", {"r0", "r1", "2"});
  b.op("tail", {"v", "x"});
  b.op("br", {"1"});
  b.op("tail", {"v", "in"});
  b.op("halt");
  CHECK(cells(b, 3).at(4) == RegisterCell{Status::kKnown, 3, RegisterCell::kManyReadOnly});
  CHECK_FALSE(is_writable(b.program, RegisterCell::kManyReadOnly));
  CHECK(is_writable(b.program, RegisterCell::kManyWritable));
  CHECK(is_writable(b.program, 0));
  CHECK_FALSE(is_writable(b.program, 4));
}

TEST_CASE("flow: every entry starts afresh", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("bind", {"t50", "ra", "r0"});
  b.op("halt");
  b.entry("second");
  b.op("halt");
  CHECK(cells(b, 50).at(2).status == Status::kUnset);
}

TEST_CASE("flow: a destination of a broken instruction is unknown, not wrong twice", "[isa]") {
  ProgramBuilder b = tensors();
  b.op("bind", {"t50", "ra", "r0"}).imm = 999;
  b.op("halt");
  std::vector<bool> sound = {false, true};
  Flow flow(b.program, sound);
  REQUIRE(flow.run());
  Status found = Status::kUnset;
  flow.for_each([&](std::size_t, const Flow::Registers& r) { found = r(50).status; });
  CHECK(found == Status::kUnknown);
}

TEST_CASE("flow: a program that is all joins and views is given up, not run for ever", "[isa]") {
  // 255 view registers at each of 120 000 branches are more cells than the verifier will keep.
  ProgramBuilder b;
  b.array(TensorDecl::Kind::kRegion, "ra", Element::kF32, "3", {"8", "4"});
  b.entry("main");
  for (int i = 0; i < 255; ++i) b.op("bind", {"t" + std::to_string(i), "ra", "r0"});
  for (int i = 0; i < 120000; ++i) b.op("br.eq", {"r0", "r1", "0"});
  b.op("halt");
  const std::vector<bool> sound(b.program.code.size(), true);
  CHECK_FALSE(Flow(b.program, sound).run());
}

TEST_CASE("flow: exits of instructions", "[isa]") {
  const auto exits = [](std::string_view mnemonic) {
    const auto code = static_cast<std::uint16_t>(find_mnemonic(mnemonic)->opcode);
    Instruction instruction;
    instruction.family = static_cast<std::uint8_t>(code >> 8U);
    instruction.op = static_cast<std::uint8_t>(code);
    const Exits found = exits_of(instruction);
    return std::pair(found.falls_through, found.branches);
  };
  CHECK(exits("halt") == std::pair(false, false));
  CHECK(exits("trap") == std::pair(false, false));
  CHECK(exits("br") == std::pair(false, true));
  CHECK(exits("br.f32.lt") == std::pair(true, true));
  CHECK(exits("add") == std::pair(true, false));
}

}  // namespace
}  // namespace pxos::isa
