#pragma once
// Tokens to a tree: recursive descent over Jinja's grammar, precedence from loose to tight:
//   a if c else b | or | and | not | == != < <= > >= in, not in | + - | ~ | * / // % | - | . [] ()
//   | is

#include "pxvm/text/jinja/lexer.hpp"

#include <initializer_list>
#include <string_view>
#include <vector>

namespace pxos::text::jinja {

/// Deepest tree, in statements plus expressions: bounds the stack of everything that walks it.
inline constexpr unsigned kMaxTreeDepth = 100;

/// Errors: kInvalid "line:column: what"; kUnsupported for statements outside the subset; kLimit
/// above kMaxTreeDepth.
Result<Block> parse_template(std::string_view source);

/// Parses one template's tokens. Statements are in parser.cpp, expressions in expression.cpp.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Result<Block> parse();

  /// One expression; the next token is what follows it.
  Result<ExprPtr> expression();

 private:
  // Statements.
  Result<Block> block(std::initializer_list<std::string_view> ends);
  Result<Statement> statement();
  Result<Statement> keyword_statement(const Token& keyword);
  Result<void> if_statement(Statement& out);
  Result<void> for_statement(Statement& out);
  Result<void> set_statement(Statement& out);
  Result<void> group_statement(Statement& out);
  Result<void> macro_statement(Statement& out);
  Result<void> filter_statement(Statement& out);
  Result<void> end_block();

  // Expressions, by precedence.
  Result<ExprPtr> disjunction();
  Result<ExprPtr> conjunction();
  Result<ExprPtr> negation();
  Result<ExprPtr> comparison();
  Result<ExprPtr> sum();
  Result<ExprPtr> concatenation();
  Result<ExprPtr> product();
  Result<ExprPtr> unary();
  Result<ExprPtr> primary();
  Result<ExprPtr> name_or_constant();
  Result<ExprPtr> brackets();
  Result<ExprPtr> parentheses();
  Result<ExprPtr> braces();
  Result<ExprPtr> postfix(ExprPtr operand);
  Result<ExprPtr> subscript(ExprPtr object);
  Result<ExprPtr> filter(ExprPtr operand);
  Result<ExprPtr> named_filter(ExprPtr operand);
  Result<ExprPtr> test(ExprPtr operand);
  Result<void> arguments(Expr& call);
  [[nodiscard]] bool starts_test_argument() const;

  struct Rung {
    std::string_view spelling;
    Operator op;
  };
  /// left { op right } for the operators of one level of precedence.
  Result<ExprPtr> ladder(std::initializer_list<Rung> rungs, Result<ExprPtr> (Parser::*tighter)());

  // Tokens.
  [[nodiscard]] const Token& peek(std::size_t ahead = 0) const;
  Token take();
  [[nodiscard]] bool is_operator(std::string_view spelling) const;
  [[nodiscard]] bool is_name(std::string_view spelling) const;
  bool accept_operator(std::string_view spelling);
  bool accept_name(std::string_view spelling);
  Result<void> expect_operator(std::string_view spelling);
  Result<Token> expect_name(std::string_view what);
  [[nodiscard]] tl::unexpected<Error> error_here(std::string_view expected) const;

  // Trees.
  ExprPtr make(Expr::Kind kind, const Token& at, std::string text = {}) const;
  /// Adds children and checks the depth.
  Result<ExprPtr> with(ExprPtr parent, std::vector<ExprPtr> children) const;
  Result<void> descend();
  void ascend() { --depth_; }

  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  unsigned depth_ = 0;
  unsigned loops_ = 0;
};

}  // namespace pxos::text::jinja
