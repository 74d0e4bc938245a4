#include "assembler/fold.hpp"

#include "assembler/assembler.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace {

/// The immediate that `text` gives, or nullopt when it is refused.
std::optional<std::int32_t> immediate(const std::string& text) {
  pxos::assembler::AssembleOptions options;
  options.source = {"a.pxasm", ".const four : i64 = 4\n.param p = 3\n.entry f()\n i64.const r1, " +
                                   text + "\n halt\n"};
  const auto result = pxos::assembler::assemble(options);
  if (!result.program) return std::nullopt;
  return result.program->program().code[0].imm;
}

}  // namespace

TEST_CASE("Integer operators bind as in C, the shifts looser than a sum", "[assembler]") {
  CHECK(immediate("1 << 4 | 3") == 19);
  CHECK(immediate("1 | 2 ^ 3 & 6 << 1 + 1") == (1 | (2 ^ (3 & (6 << (1 + 1))))));
  CHECK(immediate("0xff & ~0") == std::nullopt);
  CHECK(immediate("100 % 7 * 3") == 6);
  CHECK(immediate("(1 << 3) - 1") == 7);
  CHECK(immediate("-9 >> 1") == -5);
  CHECK(immediate("-9 % 4") == -1);
  CHECK(immediate("four << four & 0xf0") == 64);
}

TEST_CASE("What has no value, or is not known yet, is refused", "[assembler]") {
  CHECK_FALSE(immediate("5 % 0"));
  CHECK_FALSE(immediate("1 << 64"));
  CHECK_FALSE(immediate("1 >> -1"));
  CHECK_FALSE(immediate("p << 1"));
  CHECK_FALSE(immediate("1.5 & 1"));
  CHECK_FALSE(immediate("1 <<"));
}

TEST_CASE("The lowest number divided by minus one leaves nothing", "[assembler]") {
  using pxos::assembler::Expr;
  pxos::isa::Expression value;
  value.steps = {{Expr::Op::kInteger, std::numeric_limits<std::int64_t>::min(), 0, 0},
                 {Expr::Op::kInteger, -1, 0, 0}};
  pxos::assembler::OperandStarts starts = {0, 1};
  CHECK_FALSE(pxos::assembler::fold_last(value, starts, Expr::Fold::kRem));
  REQUIRE(value.steps.size() == 1);
  CHECK(value.steps[0].integer == 0);
  CHECK(starts == pxos::assembler::OperandStarts{0});
}
