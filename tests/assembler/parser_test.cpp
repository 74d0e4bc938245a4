#include "assembler/parser.hpp"

#include <catch2/catch.hpp>

namespace {

using pxos::assembler::Expr;
using pxos::assembler::Line;
using pxos::assembler::LineParser;
using pxos::assembler::Reporter;
using pxos::assembler::SourceMap;

/// Postfix form of an expression as text, or "error".
std::string postfix(const std::string& text) {
  SourceMap map;
  Line line;
  line.file = map.add_file({"a.pxasm", text});
  line.text = map.file(line.file).text;
  const std::uint32_t index = map.add_line(line);
  Reporter reporter(map);
  LineParser parser(index, line.text, reporter);
  const auto expr = parser.expression();
  if (!expr || !parser.end_of_line()) return "error";
  std::string out;
  for (const Expr::Step& step : expr->steps) {
    if (!out.empty()) out += ' ';
    switch (step.op) {
      case Expr::Op::kInteger:
        out += std::to_string(step.integer);
        break;
      case Expr::Op::kReal:
        out += "real";
        break;
      case Expr::Op::kSymbol:
        out += step.name.text;
        break;
      case Expr::Op::kAdd:
        out += '+';
        break;
      case Expr::Op::kSub:
        out += '-';
        break;
      case Expr::Op::kMul:
        out += '*';
        break;
      case Expr::Op::kDiv:
        out += '/';
        break;
      case Expr::Op::kNegate:
        out += "neg";
        break;
      case Expr::Op::kSqrt:
        out += "sqrt";
        break;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("Expressions bind as in arithmetic and group to the left", "[assembler]") {
  CHECK(postfix("a + b*c") == "a b c * +");
  CHECK(postfix("(a + b)*c") == "a b + c *");
  CHECK(postfix("a - b - c") == "a b - c -");
  CHECK(postfix("a - (b - c)") == "a b c - -");
  CHECK(postfix("1 / sqrt(head_dim)") == "1 head_dim sqrt /");
  CHECK(postfix("-a*b") == "a neg b *");
}

TEST_CASE("A minus in front of a number belongs to it", "[assembler]") {
  CHECK(postfix("-5") == "-5");
  CHECK(postfix("a - -5") == "a -5 -");
  CHECK(postfix("-(5)") == "5 neg");
  CHECK(postfix("-9223372036854775808") == "-9223372036854775808");
  CHECK(postfix("9223372036854775808") == "error");
}

TEST_CASE("Malformed and overgrown expressions are refused", "[assembler]") {
  for (const char* text : {"", "a +", "(a", "a)", "sqrt(", "* a", "a b", "sqrt()"})
    CHECK(postfix(text) == "error");
  CHECK(postfix(std::string(65, '(') + "a" + std::string(65, ')')) == "error");
  CHECK(postfix(std::string(100, '-') + "a") == "error");
  std::string sum = "a";
  for (int i = 0; i < 200; ++i) sum += "+a";
  CHECK(postfix(sum) == "error");
}

TEST_CASE("Register names are r0 to r255 and t0 to t255, spelled one way", "[assembler]") {
  using pxos::assembler::as_register;
  CHECK(as_register("r0")->number == 0);
  CHECK(as_register("t255")->tensor);
  for (const char* text : {"r256", "r00", "r", "rx", "r-1", "R1", "r1x", "t1000"})
    CHECK_FALSE(as_register(text));
}
