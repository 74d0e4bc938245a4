#include "pxvm/isa/expression.hpp"

#include "tests/support/mutate.hpp"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using Op = Expression::Op;

const std::vector<std::string> kNames = {"head_dim", "base"};
const std::vector<Number> kValues = {Number::of(std::int64_t{64}), Number::of(0.5)};
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

Expression::Step integer(std::int64_t value) {
  return {Op::kInteger, value, 0, 0};
}
Expression::Step real(double value) {
  return {Op::kReal, 0, value, 0};
}
Expression::Step symbol(SymbolId id) {
  return {Op::kSymbol, 0, 0, id};
}
Expression::Step op(Op op) {
  return {op, 0, 0, 0};
}

Result<Number> value(std::vector<Expression::Step> steps) {
  return Expression{std::move(steps)}.evaluate(kValues);
}
std::string text(std::vector<Expression::Step> steps) {
  return Expression{std::move(steps)}.text(kNames);
}

ByteVector bytes_of(const Expression& expression) {
  ByteWriter out;
  expression.write(out);
  return out.take();
}
Result<Expression> read(Bytes bytes) {
  ByteReader in(bytes);
  auto expression = Expression::read(in, kNames.size());
  if (expression && in.remaining() != 0) return fail(Errc::kInvalid, "bytes left");
  return expression;
}

const Expression kScale{{integer(1), symbol(0), op(Op::kSqrt), op(Op::kDiv)}};

TEST_CASE("expression: 1 / sqrt(head_dim)", "[isa]") {
  CHECK(kScale.evaluate(kValues) == Number::of(0.125));
  CHECK(kScale.text(kNames) == "1 / sqrt(head_dim)");
}

TEST_CASE("expression: integers stay exact until something real takes part", "[isa]") {
  CHECK(value({integer(kMax), integer(1), op(Op::kSub)}) == Number::of(kMax - 1));
  CHECK(value({symbol(0), integer(-3), op(Op::kMul)}) == Number::of(std::int64_t{-192}));
  CHECK(value({integer(6), integer(3), op(Op::kDiv)}) == Number::of(2.0));
  CHECK(value({symbol(0), symbol(1), op(Op::kAdd)}) == Number::of(64.5));
  CHECK(value({integer(9), op(Op::kSqrt)}) == Number::of(3.0));
  CHECK(value({integer(9), op(Op::kNegate)}) == Number::of(std::int64_t{-9}));
  CHECK(value({symbol(1), op(Op::kNegate)}) == Number::of(-0.5));
}

TEST_CASE("expression: what has no value is an error", "[isa]") {
  CHECK_FALSE(value({integer(1), integer(0), op(Op::kDiv)}));
  CHECK_FALSE(value({integer(1), real(0), op(Op::kDiv)}));
  CHECK_FALSE(value({integer(kMax), integer(1), op(Op::kAdd)}));
  CHECK_FALSE(value({integer(kMin), integer(1), op(Op::kSub)}));
  CHECK_FALSE(value({integer(kMax), integer(2), op(Op::kMul)}));
  CHECK_FALSE(value({integer(kMin), op(Op::kNegate)}));
  CHECK_FALSE(value({integer(-1), op(Op::kSqrt)}));
  CHECK_FALSE(value({real(1e308), real(10), op(Op::kMul)}));
  CHECK_FALSE(value({symbol(2)}));
  CHECK_FALSE(Expression{{symbol(1)}}.evaluate(std::vector{Number::of(1.0)}));
}

TEST_CASE("expression: check refuses a broken stack", "[isa]") {
  CHECK(kScale.check(1));
  CHECK_FALSE(kScale.check(0));
  CHECK_FALSE(Expression{}.check(2));
  CHECK_FALSE(Expression{{integer(1), integer(2)}}.check(2));
  CHECK_FALSE(Expression{{integer(1), op(Op::kAdd)}}.check(2));
  CHECK_FALSE(Expression{{op(Op::kSqrt)}}.check(2));
  CHECK_FALSE(Expression{{real(std::nan(""))}}.check(2));
  CHECK_FALSE(Expression{{real(INFINITY)}}.check(2));
  CHECK_FALSE(Expression{{op(static_cast<Op>(9))}}.check(2));
  CHECK_FALSE(Expression{std::vector(Expression::kMaxSteps + 1, integer(1))}.check(2));
}

TEST_CASE("expression: text keeps the grouping of the postfix form", "[isa]") {
  const auto a = symbol(0);
  const auto b = symbol(1);
  CHECK(text({a, b, op(Op::kAdd), integer(2), op(Op::kMul)}) == "(head_dim + base) * 2");
  CHECK(text({a, b, integer(2), op(Op::kMul), op(Op::kAdd)}) == "head_dim + base * 2");
  CHECK(text({a, b, integer(2), op(Op::kSub), op(Op::kSub)}) == "head_dim - (base - 2)");
  CHECK(text({a, b, op(Op::kSub), integer(2), op(Op::kSub)}) == "head_dim - base - 2");
  CHECK(text({a, b, op(Op::kAdd), op(Op::kNegate)}) == "-(head_dim + base)");
  CHECK(text({a, op(Op::kNegate)}) == "-head_dim");
  CHECK(text({a, op(Op::kSqrt), op(Op::kNegate)}) == "-sqrt(head_dim)");
  // A literal with its sign is one literal; a negated literal is not.
  CHECK(text({integer(-5)}) == "-5");
  CHECK(text({integer(5), op(Op::kNegate)}) == "-(5)");
  CHECK(text({real(10000)}) == "10000.0");
  CHECK(text({real(1e-5)}) == "1e-05");
  CHECK(text({symbol(7)}) == "?7");
  CHECK(text({op(Op::kAdd)}) == "?");
}

TEST_CASE("expression: becomes a polynomial when it is one", "[isa]") {
  const Expression twice{{symbol(0), integer(2), op(Op::kMul), integer(3), op(Op::kSub)}};
  const auto expected =
      Polynomial::subtract(*Polynomial::multiply(Polynomial::symbol(0), Polynomial::constant(2)),
                           Polynomial::constant(3));
  CHECK(twice.as_polynomial() == expected);
  CHECK(Expression{{symbol(0), op(Op::kNegate)}}.as_polynomial() ==
        Polynomial::multiply(Polynomial::symbol(0), Polynomial::constant(-1)));
  CHECK_FALSE(kScale.as_polynomial());
  CHECK_FALSE(Expression::real(2).as_polynomial());
  CHECK_FALSE(Expression{{integer(kMax), integer(kMax), op(Op::kMul)}}.as_polynomial().has_value());
}

TEST_CASE("expression: bytes give the same expression back", "[isa]") {
  for (const Expression& expression :
       {kScale, Expression::integer(kMin), Expression::real(-0.1),
        Expression{{real(0.5), symbol(1), op(Op::kMul), op(Op::kNegate)}}}) {
    CHECK(read(bytes_of(expression)) == expression);
  }
}

TEST_CASE("expression: read refuses every truncated prefix", "[isa]") {
  test::for_each_truncation(bytes_of(kScale), [](Bytes prefix) { CHECK_FALSE(read(prefix)); });
}

TEST_CASE("expression: a damaged copy is refused or reads as what it says", "[isa]") {
  const ByteVector good = bytes_of(
      Expression{{real(0.5), symbol(1), op(Op::kMul), symbol(0), op(Op::kSqrt), op(Op::kAdd)}});
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const ByteVector bad = test::mutate(good, i);
    const auto expression = read(bad);
    if (!expression) continue;
    CHECK(bytes_of(*expression) == bad);
    static_cast<void>(expression->evaluate(kValues));
    static_cast<void>(expression->text(kNames));
  }
}

}  // namespace
}  // namespace pxos::isa
