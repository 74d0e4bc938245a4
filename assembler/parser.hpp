#pragma once
// One expanded line to a Statement. The first mistake of a line is reported and the line is given
// up: the next line starts afresh, so one slip gives one diagnostic.

#include "assembler/lexer.hpp"
#include "assembler/syntax.hpp"

#include <span>

namespace pxos::assembler {

/// A cursor over the tokens of one line, with the grammar of expressions, names and operands.
/// Every method that returns nullopt has reported why.
class LineParser {
 public:
  static constexpr std::size_t kMaxNesting = 64;

  LineParser(std::uint32_t line, std::string_view text, Reporter& reporter);

  [[nodiscard]] const Token& peek(std::size_t ahead = 0) const;
  Token take();
  [[nodiscard]] bool at_end() const { return peek().kind == TokenKind::kEnd; }
  [[nodiscard]] bool at(std::string_view mark) const;
  bool accept(std::string_view mark);
  [[nodiscard]] Span span_of(const Token& token) const {
    return {line_, token.column, token.length};
  }
  [[nodiscard]] Span here() const { return span_of(peek()); }
  [[nodiscard]] Span last() const;
  [[nodiscard]] std::string_view text_of(Span span) const {
    return text_.substr(span.column, span.length);
  }

  /// Reports at the current token unless the line already has an error; always false.
  bool fail(std::string message, std::string hint = {});
  bool fail_at(Span span, std::string message, std::string hint = {});
  /// "expected <what>, found <token>".
  bool expected(std::string_view what);
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t token_count() const { return tokens_.size(); }

  bool require(std::string_view mark, std::string_view what);
  bool end_of_line();
  std::optional<Name> name(std::string_view what);
  std::optional<std::string> string(std::string_view what);
  std::optional<Expr> expression();
  /// An expression that is one integer without names, within [lowest, highest].
  std::optional<std::int64_t> literal(std::string_view what, std::int64_t lowest,
                                      std::int64_t highest);
  std::optional<Operand> operand();
  /// Labels at the front of the line.
  std::vector<Label> labels();
  /// All names on the line, wherever the cursor is.
  [[nodiscard]] std::vector<Name> all_names() const;

 private:
  bool bits(Expr& out, std::size_t level);
  bool sum(Expr& out);
  bool product(Expr& out);
  bool unary(Expr& out);
  bool primary(Expr& out);
  bool call(Expr& out);
  bool push(Expr& out, Expr::Op op, Span span, Expr::Fold fold = Expr::Fold::kNone);
  bool push_integer(Expr& out, const Token& token, bool negative, Span span);

  std::uint32_t line_;
  std::string_view text_;
  Reporter& reporter_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t nesting_ = 0;
  bool failed_ = false;
};

/// r0..r255 and t0..t255.
struct RegisterName {
  bool tensor = false;
  std::uint8_t number = 0;
};
[[nodiscard]] std::optional<RegisterName> as_register(std::string_view text);
[[nodiscard]] std::optional<RegisterName> as_register(const Name& name);

/// A line with a mistake is reported, `failed`, and still gives its labels.
/// `macros` are words that an unknown instruction may have meant.
Statement parse_line(std::uint32_t line, std::string_view text, Reporter& reporter,
                     std::span<const std::string_view> macros);

/// Parses the rest of a line after directive `head`; unknown directives are reported with the
/// nearest one.
std::optional<Directive> parse_directive(const Name& head, LineParser& line);

}  // namespace pxos::assembler
