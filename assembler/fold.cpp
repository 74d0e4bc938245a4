#include "assembler/fold.hpp"

#include <algorithm>
#include <iterator>

namespace pxos::assembler {
namespace {

using Op = isa::Expression::Op;

/// The integer that steps [first, last) give without any symbol.
std::optional<std::int64_t> known_integer(const isa::Expression& value, std::size_t first,
                                          std::size_t last) {
  isa::Expression part;
  const auto begin = value.steps.begin();
  part.steps.assign(std::next(begin, static_cast<std::ptrdiff_t>(first)),
                    std::next(begin, static_cast<std::ptrdiff_t>(last)));
  const bool literal = std::none_of(part.steps.begin(), part.steps.end(),
                                    [](const auto& step) { return step.op == Op::kSymbol; });
  if (!literal) return std::nullopt;
  const auto number = part.evaluate({});
  return number && number->is_integer ? std::optional(number->integer) : std::nullopt;
}

/// nullopt where the operator has no value.
std::optional<std::int64_t> compute(Expr::Fold fold, std::int64_t a, std::int64_t b) {
  const auto bits = static_cast<std::uint64_t>(a);
  const bool shift = fold == Expr::Fold::kShl || fold == Expr::Fold::kShr;
  if (shift && (b < 0 || b > 63)) return std::nullopt;
  switch (fold) {
    case Expr::Fold::kRem:
      if (b == 0) return std::nullopt;
      return b == -1 ? 0 : a % b;  // the lowest number has no quotient by -1
    case Expr::Fold::kShl:
      return static_cast<std::int64_t>(bits << static_cast<unsigned>(b));
    case Expr::Fold::kShr:
      return a >> static_cast<unsigned>(b);
    case Expr::Fold::kAnd:
      return a & b;
    case Expr::Fold::kXor:
      return a ^ b;
    case Expr::Fold::kOr:
      return a | b;
    case Expr::Fold::kNone:
      break;
  }
  return std::nullopt;
}

}  // namespace

void note_step(OperandStarts& starts, Expr::Op op, std::size_t before) {
  switch (op) {
    case Op::kInteger:
    case Op::kReal:
    case Op::kSymbol:
      starts.push_back(before);
      break;
    case Op::kAdd:
    case Op::kSub:
    case Op::kMul:
    case Op::kDiv:
      starts.pop_back();
      break;
    case Op::kNegate:
    case Op::kSqrt:
      break;
  }
}

std::optional<std::string_view> fold_last(isa::Expression& value, OperandStarts& starts,
                                          Expr::Fold fold) {
  const std::size_t right = starts.back();
  const std::size_t left = starts[starts.size() - 2];
  const auto a = known_integer(value, left, right);
  const auto b = known_integer(value, right, value.steps.size());
  if (!a || !b) return "this operator needs whole numbers that are known now on both sides";
  const auto result = compute(fold, *a, *b);
  if (!result)
    return fold == Expr::Fold::kRem ? "this divides by zero" : "a shift is by 0 to 63 bits";
  starts.pop_back();
  value.steps.resize(left);
  value.steps.push_back({Op::kInteger, *result, 0, 0});
  return std::nullopt;
}

}  // namespace pxos::assembler
