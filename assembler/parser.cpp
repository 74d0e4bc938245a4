#include "assembler/parser.hpp"

#include "assembler/fold.hpp"
#include "assembler/suggest.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

/// |-2^63|: the largest magnitude that a literal with a minus may have.
constexpr std::uint64_t kMagnitudeOfLowest = std::uint64_t{1} << 63U;

/// What stands where something else was expected, as a person would call it.
std::string describe(const Token& token, std::string_view text) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the line";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kBad:
      return std::string(token.text);
    case TokenKind::kName:
    case TokenKind::kDotName:
    case TokenKind::kInteger:
    case TokenKind::kReal:
    case TokenKind::kPunct:
      break;
  }
  return fmt::format("'{}'", text.substr(token.column, token.length));
}

}  // namespace

LineParser::LineParser(std::uint32_t line, std::string_view text, Reporter& reporter)
    : line_(line), text_(text), reporter_(reporter), tokens_(lex(text)) {}

const Token& LineParser::peek(std::size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

Token LineParser::take() {
  const Token token = peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

Span LineParser::last() const {
  return span_of(tokens_[at_ == 0 ? 0 : at_ - 1]);
}

bool LineParser::at(std::string_view mark) const {
  return peek().kind == TokenKind::kPunct && peek().text == mark;
}

bool LineParser::accept(std::string_view mark) {
  if (!at(mark)) return false;
  take();
  return true;
}

/// Only the first failure of a line is said: what follows it is mostly its consequence.
bool LineParser::fail_at(Span span, std::string message, std::string hint) {
  if (!failed_) reporter_.error(span, std::move(message), std::move(hint));
  failed_ = true;
  return false;
}

bool LineParser::fail(std::string message, std::string hint) {
  return fail_at(here(), std::move(message), std::move(hint));
}

bool LineParser::expected(std::string_view what) {
  // A malformed token is its own, better explanation.
  if (peek().kind == TokenKind::kBad) return fail(std::string(peek().text));
  return fail(fmt::format("expected {}, found {}", what, describe(peek(), text_)));
}

bool LineParser::require(std::string_view mark, std::string_view what) {
  return accept(mark) || expected(fmt::format("'{}' {}", mark, what));
}

bool LineParser::end_of_line() {
  return at_end() || expected("the end of the statement");
}

std::optional<Name> LineParser::name(std::string_view what) {
  if (peek().kind != TokenKind::kName) {
    expected(what);
    return std::nullopt;
  }
  const Token token = take();
  return Name{token.text, span_of(token), token.quoted};
}

std::optional<std::string> LineParser::string(std::string_view what) {
  if (peek().kind != TokenKind::kString) {
    expected(what);
    return std::nullopt;
  }
  return decode_string(take().text);
}

std::optional<Expr> LineParser::expression() {
  Expr out;
  const Span first = here();
  if (!bits(out, 0)) return std::nullopt;
  out.span = cover(first, last());
  return out;
}

/// Appends an operator or operand to the postfix form, up to the cap that Expression has.
bool LineParser::push(Expr& out, Expr::Op op, Span span, Expr::Fold fold) {
  if (out.steps.size() >= isa::Expression::kMaxSteps) {
    return fail_at(span, fmt::format("this expression has more than {} terms and operators",
                                     isa::Expression::kMaxSteps));
  }
  out.steps.push_back({op, 0, 0, {}, span, fold});
  return true;
}

/// The operators that bind less than a sum, from the loosest on: | ^ & and the shifts.
bool LineParser::bits(Expr& out, std::size_t level) {
  struct Row {
    std::string_view mark;
    Expr::Fold fold;
    std::size_t level;
  };
  static constexpr std::array<Row, 5> kRows = {{{"|", Expr::Fold::kOr, 0},
                                                {"^", Expr::Fold::kXor, 1},
                                                {"&", Expr::Fold::kAnd, 2},
                                                {"<<", Expr::Fold::kShl, 3},
                                                {">>", Expr::Fold::kShr, 3}}};
  const auto side = [&] { return level == 3 ? sum(out) : bits(out, level + 1); };
  if (!side()) return false;
  for (;;) {
    const auto* row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& known) {
      return known.level == level && at(known.mark);
    });
    if (row == kRows.end()) return true;
    const Token sign = take();
    if (!side() || !push(out, Expr::Op::kInteger, span_of(sign), row->fold)) return false;
  }
}

/// sum ::= product {("+" | "-") product}
bool LineParser::sum(Expr& out) {
  if (!product(out)) return false;
  while (at("+") || at("-")) {
    const Token sign = take();
    const Expr::Op op = sign.text == "+" ? Expr::Op::kAdd : Expr::Op::kSub;
    if (!product(out) || !push(out, op, span_of(sign))) return false;
  }
  return true;
}

/// product ::= unary {("*" | "/" | "%") unary}
bool LineParser::product(Expr& out) {
  if (!unary(out)) return false;
  while (at("*") || at("/") || at("%")) {
    const Token sign = take();
    const Expr::Op op = sign.text == "*" ? Expr::Op::kMul : Expr::Op::kDiv;
    const Expr::Fold fold = sign.text == "%" ? Expr::Fold::kRem : Expr::Fold::kNone;
    if (!unary(out) || !push(out, op, span_of(sign), fold)) return false;
  }
  return true;
}

bool LineParser::push_integer(Expr& out, const Token& token, bool negative, Span span) {
  const std::uint64_t highest = kMagnitudeOfLowest - (negative ? 0 : 1);
  if (token.integer > highest) return fail_at(span, "this integer does not fit 64 bits with sign");
  if (!push(out, Expr::Op::kInteger, span)) return false;
  out.steps.back().integer =
      static_cast<std::int64_t>(negative ? 0 - token.integer : token.integer);
  return true;
}

/// A minus in front of a number belongs to the number, so that -2^63 can be written.
bool LineParser::unary(Expr& out) {
  if (!at("-")) return primary(out);
  const Token sign = take();
  if (peek().kind == TokenKind::kInteger) {
    const Token token = take();
    return push_integer(out, token, true, cover(span_of(sign), span_of(token)));
  }
  if (peek().kind == TokenKind::kReal) {
    const Token token = take();
    if (!push(out, Expr::Op::kReal, cover(span_of(sign), span_of(token)))) return false;
    out.steps.back().real = -token.real;
    return true;
  }
  if (++nesting_ > kMaxNesting) return fail("this expression is nested too deeply");
  const bool good = unary(out) && push(out, Expr::Op::kNegate, span_of(sign));
  --nesting_;
  return good;
}

/// primary ::= INTEGER | REAL | NAME | "sqrt" "(" expression ")" | "(" expression ")"
/// `sqrt` is a function only in front of a parenthesis, so that a parameter may have that name.
bool LineParser::primary(Expr& out) {
  const Token token = peek();
  if (token.kind == TokenKind::kInteger) {
    take();
    return push_integer(out, token, false, span_of(token));
  }
  if (token.kind == TokenKind::kReal) {
    take();
    if (!push(out, Expr::Op::kReal, span_of(token))) return false;
    out.steps.back().real = token.real;
    return true;
  }
  if (token.kind == TokenKind::kName) {
    if (token.text == "sqrt" && !token.quoted && peek(1).kind == TokenKind::kPunct &&
        peek(1).text == "(")
      return call(out);
    take();
    if (!push(out, Expr::Op::kSymbol, span_of(token))) return false;
    out.steps.back().name = {token.text, span_of(token), token.quoted};
    return true;
  }
  if (!at("(")) return expected("a number, a name or '('");
  if (++nesting_ > kMaxNesting) return fail("this expression is nested too deeply");
  take();
  const bool good = bits(out, 0) && require(")", "to close the parenthesis");
  --nesting_;
  return good;
}

/// The operand comes before its function in postfix form.
bool LineParser::call(Expr& out) {
  const Token function = take();
  take();
  if (++nesting_ > kMaxNesting) return fail("this expression is nested too deeply");
  const bool good = bits(out, 0) && require(")", "after the argument of sqrt") &&
                    push(out, Expr::Op::kSqrt, span_of(function));
  --nesting_;
  return good;
}

/// Evaluated at once with the rules of link time, so 4*(2 + 1) is a literal, and 1/0 none.
std::optional<std::int64_t> LineParser::literal(std::string_view what, std::int64_t lowest,
                                                std::int64_t highest) {
  const auto expr = expression();
  if (!expr) return std::nullopt;
  isa::Expression folded;
  OperandStarts starts;
  for (const Expr::Step& step : expr->steps) {
    if (step.fold != Expr::Fold::kNone) {
      if (const auto problem = fold_last(folded, starts, step.fold)) {
        fail_at(step.span, std::string(*problem));
        return std::nullopt;
      }
      continue;
    }
    if (step.op == Expr::Op::kSymbol) {
      fail_at(step.span, fmt::format("{} must be a number; names are not known here", what));
      return std::nullopt;
    }
    note_step(starts, step.op, folded.steps.size());
    folded.steps.push_back({step.op, step.integer, step.real, 0});
  }
  const auto value = folded.evaluate({});
  if (!value || !value->is_integer || value->integer < lowest || value->integer > highest) {
    fail_at(expr->span, fmt::format("{} must be an integer from {} to {}", what, lowest, highest));
    return std::nullopt;
  }
  return value->integer;
}

/// operand ::= STRING | "." NAME | "#" INTEGER | NAME "[" expression "]" | expression
std::optional<Operand> LineParser::operand() {
  Operand out;
  const Span first = here();
  if (peek().kind == TokenKind::kString) {
    out.kind = Operand::Kind::kString;
    out.text = decode_string(take().text);
  } else if (peek().kind == TokenKind::kDotName) {
    const Token token = take();
    out.kind = Operand::Kind::kLocal;
    out.name = {token.text, span_of(token), false};
  } else if (accept("#")) {
    const auto number = literal("a table index", 0, std::numeric_limits<std::int32_t>::max());
    if (!number) return std::nullopt;
    out.kind = Operand::Kind::kTableIndex;
    out.number = *number;
  } else {
    auto expr = expression();
    if (!expr) return std::nullopt;
    out.expr = *std::move(expr);
  }
  const Name* array = out.kind == Operand::Kind::kExpr ? out.expr.as_name() : nullptr;
  if (array != nullptr && accept("[")) {
    out.name = *array;
    out.kind = Operand::Kind::kIndexed;
    auto index = expression();
    if (!index || !require("]", "after the index")) return std::nullopt;
    out.expr = *std::move(index);
  }
  out.span = cover(first, last());
  return out;
}

/// A label's colon touches its name, so `.const # : f32` is never one.
std::vector<Label> LineParser::labels() {
  std::vector<Label> out;
  while (peek().kind == TokenKind::kName || peek().kind == TokenKind::kDotName) {
    const Token& colon = peek(1);
    const bool touching = colon.column == peek().column + peek().length;
    if (colon.kind != TokenKind::kPunct || colon.text != ":" || !touching) break;
    const Token token = take();
    take();
    out.push_back({{token.text, span_of(token), token.quoted}, token.kind == TokenKind::kDotName});
  }
  return out;
}

std::vector<Name> LineParser::all_names() const {
  std::vector<Name> out;
  for (const Token& token : tokens_) {
    if (token.kind == TokenKind::kName) out.push_back({token.text, span_of(token), token.quoted});
  }
  return out;
}

std::optional<RegisterName> as_register(std::string_view text) {
  if (text.size() < 2 || text.size() > 4 || (text[0] != 'r' && text[0] != 't')) return std::nullopt;
  if (text[1] == '0' && text.size() > 2) return std::nullopt;
  std::uint8_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data() + 1, end, number);
  if (status != std::errc{} || stop != end) return std::nullopt;
  return RegisterName{text[0] == 't', number};
}

std::optional<RegisterName> as_register(const Name& name) {
  return name.quoted ? std::nullopt : as_register(name.text);
}

namespace {

/// True (reported) when there is no such instruction: then its operands are not worth reading.
bool unknown_instruction(const Name& mnemonic, std::span<const std::string_view> macros,
                         LineParser& line) {
  if (!mnemonic.quoted && isa::find_mnemonic(mnemonic.text) != nullptr) return false;
  std::vector<std::string_view> known(macros.begin(), macros.end());
  for (const isa::OpInfo& info : isa::all_opcodes()) known.push_back(info.mnemonic);
  std::string hint = did_you_mean(mnemonic.text, known);
  if (hint.empty() && line.at_end()) hint = fmt::format("a label is written '{}:'", mnemonic.text);
  if (line.at("=")) hint = "there is no assignment; 'mov d, a' and 'i64.add d, a, b' write d";
  line.fail_at(mnemonic.span, fmt::format("unknown instruction '{}'", mnemonic.text),
               std::move(hint));
  return true;
}

std::optional<InstructionText> parse_instruction(LineParser& line,
                                                 std::span<const std::string_view> macros) {
  InstructionText out;
  if (line.at("#") || line.at("/")) {
    line.fail("a statement cannot begin like this", "a comment begins with ';'");
    return std::nullopt;
  }
  const auto mnemonic = line.name("an instruction, a label or a directive");
  if (!mnemonic || unknown_instruction(*mnemonic, macros, line)) return std::nullopt;
  out.mnemonic = *mnemonic;
  while (!line.at_end()) {
    if (!out.operands.empty() && !line.require(",", "between operands")) return std::nullopt;
    auto operand = line.operand();
    if (!operand) return std::nullopt;
    out.operands.push_back(*std::move(operand));
  }
  return out;
}

}  // namespace

Statement parse_line(std::uint32_t line, std::string_view text, Reporter& reporter,
                     std::span<const std::string_view> macros) {
  LineParser parser(line, text, reporter);
  Statement out;
  out.token_count = parser.token_count();
  out.labels = parser.labels();
  if (parser.at_end()) return out;
  if (parser.peek().kind == TokenKind::kDotName) {
    const Token token = parser.take();
    auto directive = parse_directive({token.text, parser.span_of(token), false}, parser);
    out.failed = !directive || !parser.end_of_line();
    if (out.failed) {
      out.broken_names = parser.all_names();
      out.broken_entry = token.text == "entry";
    } else {
      out.body = *std::move(directive);
    }
    return out;
  }
  auto instruction = parse_instruction(parser, macros);
  out.failed = !instruction;
  // A lonely word that is no instruction was perhaps a label: branches to it say nothing more.
  if (out.failed && out.token_count == 2) out.broken_names = parser.all_names();
  if (instruction) out.body = *std::move(instruction);
  return out;
}

}  // namespace pxos::assembler
