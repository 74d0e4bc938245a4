#include "assembler/printer.hpp"

#include "assembler/assembler.hpp"
#include "pxvm/base/rng.hpp"

#include <bit>
#include <limits>

#include <catch2/catch.hpp>

namespace {

using pxos::CounterRng;
using pxos::assembler::Printer;
using pxos::isa::Expression;
using pxos::isa::Number;
using pxos::isa::Program;
using Op = Expression::Op;

/// A random postfix expression over two integer parameters.
Expression random_expression(CounterRng& rng) {
  Expression out;
  std::size_t depth = 0;
  const std::size_t length = 1 + rng.next_u32() % 12;
  while (out.steps.size() < length || depth != 1) {
    const std::uint32_t choice = rng.next_u32() % 9;
    if (choice < 2 || depth == 0) {
      const auto value = static_cast<std::int64_t>(rng.next_u32() % 2000) - 1000;
      out.steps.push_back({Op::kInteger, value, 0, 0});
      ++depth;
    } else if (choice == 2) {
      out.steps.push_back(
          {Op::kSymbol, 0, 0, static_cast<pxos::isa::SymbolId>(rng.next_u32() % 2)});
      ++depth;
    } else if (choice == 3) {
      out.steps.push_back({Op::kNegate, 0, 0, 0});
    } else if (choice == 4) {
      out.steps.push_back({Op::kSqrt, 0, 0, 0});
    } else if (depth >= 2) {
      static constexpr Op kBinary[] = {Op::kAdd, Op::kSub, Op::kMul, Op::kDiv};
      out.steps.push_back({kBinary[rng.next_u32() % 4], 0, 0, 0});
      --depth;
    }
    if (out.steps.size() > 60) out.steps.clear(), depth = 0;
  }
  return out;
}

bool all_literal(const Expression& value) {
  for (const Expression::Step& step : value.steps) {
    if (step.op == Op::kSymbol) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("Reals are printed so that they read back to the same bits", "[assembler]") {
  const double values[] = {0.0, -0.0, 1.0, 1e-5, 10000.0, 1.0 / 3.0, 1e300, 5e-324};
  for (const double value : values) {
    const auto result = pxos::assembler::assemble(
        {{"a.pxasm", ".param x : f32 = " + Printer::real(value) + "\n.entry f()\n halt\n"},
         {},
         true});
    REQUIRE(result.program);
    const auto read = result.program->program().symbols[0].default_value;
    REQUIRE(read);
    CHECK_FALSE(read->is_integer);
    CHECK(std::bit_cast<std::uint64_t>(read->real) == std::bit_cast<std::uint64_t>(value));
  }
}

TEST_CASE("Reals that no text has are printed by their bits", "[assembler]") {
  CHECK(Printer::real(std::numeric_limits<double>::infinity()) == "0r7ff0000000000000");
  CHECK(Printer::real(-std::numeric_limits<double>::infinity()) == "0rfff0000000000000");
}

TEST_CASE("Expressions print with the parentheses that give the same steps back", "[assembler]") {
  CounterRng rng(11);
  Program program;
  program.symbols.push_back({"a", pxos::isa::Symbol::Kind::kIntParam, std::nullopt, {}, {}});
  program.symbols.push_back({"r7", pxos::isa::Symbol::Kind::kIntParam, std::nullopt, {}, {}});
  const Printer print(program);
  for (int round = 0; round < 3000; ++round) {
    const Expression value = random_expression(rng);
    if (all_literal(value) && !value.evaluate({}))
      continue;  // has no value: the assembler refuses it
    const std::string text = print.expression(value);
    INFO(text);
    const auto result = pxos::assembler::assemble(
        {{"a.pxasm", ".param a\n.param `r7`\n.const c : f32 = " + text + "\n.entry f()\n halt\n"},
         {},
         true});
    INFO(pxos::assembler::render_all(result.diagnostics, result.sources));
    REQUIRE(result.program);
    REQUIRE(result.program->program().consts[0].value == value);
  }
}

TEST_CASE("An instruction that has no other form is printed by its fields", "[assembler]") {
  Program program;
  program.code.push_back({0xF7, 1, 2, 3, 4, 5, -6});     // no such opcode
  program.code.push_back({0x08, 0x00, 9, 0, 0, 0, 0});   // halt with a field it does not have
  program.code.push_back({0x08, 0x02, 0, 0, 0, 0, 99});  // a branch out of the code
  const Printer print(program);
  CHECK(print.instruction(0) == ".word 247, 1, 2, 3, 4, 5, -6");
  CHECK(print.instruction(1) == ".word 8, 0, 9, 0, 0, 0, 0");
  CHECK(print.instruction(2) == ".word 8, 2, 0, 0, 0, 0, 99");
}
