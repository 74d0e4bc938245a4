#include "pxvm/isa/expression.hpp"

#include "pxvm/base/checked.hpp"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

using Op = Expression::Op;
using Step = Expression::Step;

/// How many values a step takes from the stack; every step leaves one.
std::size_t operand_count(Op op) {
  switch (op) {
    case Op::kInteger:
    case Op::kReal:
    case Op::kSymbol:
      return 0;
    case Op::kNegate:
    case Op::kSqrt:
      return 1;
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
      return 2;
  }
  return 0;
}

std::string_view sign_of(Op op) {
  switch (op) {
    case Op::kAdd:
      return " + ";
    case Op::kSub:
      return " - ";
    case Op::kMul:
      return " * ";
    default:
      return " / ";
  }
}

// A constant that is infinite or NaN would poison every activation silently; it stops the link
// instead.
Result<Number> finite(double value) {
  if (!std::isfinite(value))
    return fail(Errc::kInvalid, "the value of an expression is {}, not a finite number", value);
  return Number::of(value);
}

/// a op b on integers; nullopt on overflow.
std::optional<std::int64_t> integer_binary(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (op == Op::kAdd) return checked_add(a, b);
  if (op == Op::kMul) return checked_mul(a, b);
  return __builtin_sub_overflow(a, b, &out) ? std::nullopt : std::optional(out);
}

// f64 with one rounding per operation: the same bits on every machine.
Result<Number> binary(Op op, const Number& a, const Number& b) {
  if (op == Op::kDiv) {
    if (b.as_real() == 0) return fail(Errc::kInvalid, "an expression divides by zero");
    return finite(a.as_real() / b.as_real());
  }
  if (a.is_integer && b.is_integer) {
    const auto value = integer_binary(op, a.integer, b.integer);
    if (!value) {
      return fail(Errc::kInvalid, "{}{}{} exceeds 64 bits", a.integer, sign_of(op), b.integer);
    }
    return Number::of(*value);
  }
  if (op == Op::kAdd) return finite(a.as_real() + b.as_real());
  if (op == Op::kSub) return finite(a.as_real() - b.as_real());
  return finite(a.as_real() * b.as_real());
}

Result<Number> unary(Op op, const Number& a) {
  if (op == Op::kSqrt) {
    if (a.as_real() < 0) {
      return fail(Errc::kInvalid, "an expression takes sqrt of {}", a.as_real());
    }
    return finite(std::sqrt(a.as_real()));
  }
  if (!a.is_integer) return Number::of(-a.real);
  if (a.integer == std::numeric_limits<std::int64_t>::min()) {
    return fail(Errc::kInvalid, "-({}) exceeds 64 bits", a.integer);
  }
  return Number::of(-a.integer);
}

Result<Number> literal(const Step& step, std::span<const Number> symbols) {
  if (step.op == Op::kInteger) return Number::of(step.integer);
  if (step.op == Op::kReal) return finite(step.real);
  return symbols[step.symbol];  // check() proved the index
}

/// Text with the precedence of its outermost operator: 1 sum, 2 product, 3 sign, 4 operand.
struct Piece {
  std::string text;
  int precedence = 4;
};

std::string wrapped(const Piece& piece, int least) {
  return piece.precedence >= least ? piece.text : "(" + piece.text + ")";
}

/// Shortest digits that read back as the same f64, and as a real rather than an integer.
std::string real_text(double value) {
  std::string out = fmt::format("{}", value);
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

Piece literal_piece(const Step& step, std::span<const std::string> names) {
  if (step.op == Op::kSymbol) {
    return {step.symbol < names.size() ? names[step.symbol] : fmt::format("?{}", step.symbol), 4};
  }
  // A negative literal is one literal to the assembler, but it starts with a sign.
  if (step.op == Op::kInteger) return {std::to_string(step.integer), step.integer < 0 ? 3 : 4};
  return {real_text(step.real), std::signbit(step.real) ? 3 : 4};
}

Piece unary_piece(Op op, const Piece& operand) {
  if (op == Op::kSqrt) return {"sqrt(" + operand.text + ")", 4};
  // "-5" would be read as a literal, so only names and calls stay bare behind a sign.
  // Also keeps two signs apart: "-(-x)".
  const bool bare = operand.precedence == 4 && operand.text.find_first_of("0123456789(") != 0;
  return {"-" + (bare ? operand.text : "(" + operand.text + ")"), 3};
}

Piece binary_piece(Op op, const Piece& left, const Piece& right) {
  // All four group to the left, so a right operand of the same level keeps its parentheses.
  const int level = op == Op::kAdd || op == Op::kSub ? 1 : 2;
  std::string text = wrapped(left, level);
  text += sign_of(op);
  text += wrapped(right, level + 1);
  return {std::move(text), level};
}

}  // namespace

Expression Expression::integer(std::int64_t value) {
  return {{Step{Op::kInteger, value, 0, 0}}};
}

Expression Expression::real(double value) {
  return {{Step{Op::kReal, 0, value, 0}}};
}

// Everything that does not depend on values, so evaluate and text need no bounds of their own.
Result<void> Expression::check(std::size_t symbol_count) const {
  if (steps.size() > kMaxSteps) {
    return fail(Errc::kLimit, "an expression has {} steps, at most {}", steps.size(), kMaxSteps);
  }
  std::size_t depth = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (step.op > Op::kSqrt)
      return fail(Errc::kInvalid, "expression step {}: no operator {}", i,
                  static_cast<int>(step.op));
    if (step.op == Op::kSymbol && step.symbol >= symbol_count) {
      return fail(Errc::kInvalid, "expression step {}: symbol {} of {}", i, step.symbol,
                  symbol_count);
    }
    if (step.op == Op::kReal && !std::isfinite(step.real))
      return fail(Errc::kInvalid, "expression step {}: literal {} is not finite", i, step.real);
    const std::size_t taken = operand_count(step.op);
    if (depth < taken) {
      return fail(Errc::kInvalid, "expression step {} needs {} values, {} are there", i, taken,
                  depth);
    }
    depth = depth - taken + 1;
  }
  if (depth != 1) return fail(Errc::kInvalid, "an expression leaves {} values, expected 1", depth);
  return {};
}

Result<Number> Expression::evaluate(std::span<const Number> symbols) const {
  PX_CHECK(check(symbols.size()));
  std::vector<Number> stack;
  for (const Step& step : steps) {
    const std::size_t taken = operand_count(step.op);
    if (taken == 0) {
      PX_TRY(const Number value, literal(step, symbols));
      stack.push_back(value);
      continue;
    }
    const Number last = stack.back();
    if (taken == 2) stack.pop_back();
    Number& top = stack.back();
    PX_TRY(top, taken == 1 ? unary(step.op, last) : binary(step.op, top, last));
  }
  return stack.back();
}

namespace {

std::optional<Polynomial> combine(const Step& step, const Polynomial& left,
                                  const Polynomial& right) {
  switch (step.op) {
    case Op::kAdd:
      return Polynomial::add(left, right);
    case Op::kSub:
      return Polynomial::subtract(left, right);
    case Op::kMul:
      return Polynomial::multiply(left, right);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Polynomial> Expression::as_polynomial() const {
  std::vector<Polynomial> stack;
  for (const Step& step : steps) {
    if (step.op == Op::kInteger) {
      stack.push_back(Polynomial::constant(step.integer));
    } else if (step.op == Op::kSymbol) {
      stack.push_back(Polynomial::symbol(step.symbol));
    } else if (step.op == Op::kReal || step.op == Op::kSqrt) {
      return std::nullopt;
    } else {
      const Polynomial last = std::move(stack.back());
      stack.pop_back();
      const bool negate = step.op == Op::kNegate;
      auto value = negate ? Polynomial::subtract({}, last) : combine(step, stack.back(), last);
      if (!value) return std::nullopt;
      if (!negate) stack.pop_back();
      stack.push_back(*std::move(value));
    }
  }
  return stack.back();
}

std::string Expression::text(std::span<const std::string> names) const {
  std::vector<Piece> stack;
  for (const Step& step : steps) {
    const std::size_t taken = operand_count(step.op);
    if (stack.size() < taken) return "?";
    if (taken == 0) {
      stack.push_back(literal_piece(step, names));
      continue;
    }
    const Piece last = std::move(stack.back());
    stack.pop_back();
    if (taken == 1) {
      stack.push_back(unary_piece(step.op, last));
    } else {
      stack.back() = binary_piece(step.op, stack.back(), last);
    }
  }
  return stack.size() == 1 ? stack.back().text : "?";
}

// Layout: u16 steps; per step u8 operator, then i64, f64 or u16 for the three kinds of operand.
void Expression::write(ByteWriter& out) const {
  out.u16(static_cast<std::uint16_t>(steps.size()));
  for (const Step& step : steps) {
    out.u8(static_cast<std::uint8_t>(step.op));
    if (step.op == Op::kInteger) out.i64(step.integer);
    if (step.op == Op::kReal) out.f64(step.real);
    if (step.op == Op::kSymbol) out.u16(step.symbol);
  }
}

Result<Expression> Expression::read(ByteReader& in, std::size_t symbol_count) {
  const std::uint64_t start = in.position();
  PX_TRY(const std::uint16_t count, in.u16("step count"));
  if (count > kMaxSteps) {
    return fail(Errc::kLimit, "byte {}: an expression of {} steps, at most {}", start, count,
                kMaxSteps);
  }
  Expression out;
  for (std::uint16_t i = 0; i < count; ++i) {
    Step step;
    PX_TRY(const std::uint8_t op, in.u8("operator"));
    step.op = static_cast<Op>(op);
    if (step.op == Op::kInteger) {
      PX_TRY(step.integer, in.i64("integer literal"));
    } else if (step.op == Op::kReal) {
      PX_TRY(step.real, in.f64("real literal"));
    } else if (step.op == Op::kSymbol) {
      PX_TRY(step.symbol, in.u16("symbol"));
    }
    out.steps.push_back(step);
  }
  if (auto checked = out.check(symbol_count); !checked) {
    return in_context(fmt::format("byte {}", start), std::move(checked).error());
  }
  return out;
}

}  // namespace pxos::isa
