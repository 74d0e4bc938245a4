#include "pxvm/text/jinja/parser.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace pxos::text::jinja {
namespace {

/// Names that cannot be assigned or read as variables.
constexpr std::array<std::string_view, 8> kReserved = {"and", "else", "if", "in",
                                                       "is",  "not",  "or", "elif"};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Result<Block> parse_template(std::string_view source) {
  PX_TRY(std::vector<Token> tokens, tokenize(source));
  return Parser(std::move(tokens)).parse();
}

Result<Block> Parser::parse() {
  PX_TRY(Block all, block({}));
  if (peek().kind != Token::Kind::kEnd) return error_here("a statement");
  return all;
}

/// Statements up to {% <one of ends>, which is left to be read, or to the end of the template.
Result<Block> Parser::block(std::initializer_list<std::string_view> ends) {
  PX_CHECK(descend());
  Block out;
  while (peek().kind != Token::Kind::kEnd) {
    if (peek().kind == Token::Kind::kBlockBegin && peek(1).kind == Token::Kind::kName &&
        is_one_of(peek(1).text, ends))
      break;
    PX_TRY(Statement one, statement());
    out.push_back(std::move(one));
  }
  if (ends.size() != 0 && peek().kind == Token::Kind::kEnd)
    return error_here(std::string("{% ").append(*(ends.end() - 1)).append(" %}"));
  ascend();
  return out;
}

// statement = text | "{{" expression "}}" | "{%" keyword ... "%}" ;
Result<Statement> Parser::statement() {
  Statement out;
  out.at = peek().at;
  const Token first = take();
  if (first.kind == Token::Kind::kText) {
    out.text = first.text;
    return out;
  }
  if (first.kind == Token::Kind::kOutputBegin) {
    out.kind = Statement::Kind::kOutput;
    PX_TRY(out.expr, expression());
    if (peek().kind != Token::Kind::kOutputEnd) return error_here("'}}'");
    take();
    return out;
  }
  PX_ASSERT(first.kind == Token::Kind::kBlockBegin);
  PX_TRY(const Token keyword, expect_name("a statement"));
  return keyword_statement(keyword);
}

// Statements that are known but not supported are told apart from misspelt ones: a model whose
// template needs includes is a kUnsupported file, not a broken one.
Result<Statement> Parser::keyword_statement(const Token& keyword) {
  Statement out;
  out.at = keyword.at;
  const std::string_view word = keyword.text;
  if (word == "if") {
    PX_CHECK(if_statement(out));
  } else if (word == "for") {
    PX_CHECK(for_statement(out));
  } else if (word == "set") {
    PX_CHECK(set_statement(out));
  } else if (word == "generation") {
    PX_CHECK(group_statement(out));
  } else if (word == "macro") {
    PX_CHECK(macro_statement(out));
  } else if (word == "filter") {
    PX_CHECK(filter_statement(out));
  } else if (word == "break" || word == "continue") {
    if (loops_ == 0)
      return fail(Errc::kInvalid, "{}:{}: '{}' outside of a loop", out.at.line, out.at.column,
                  word);
    out.kind = word == "break" ? Statement::Kind::kBreak : Statement::Kind::kContinue;
    PX_CHECK(end_block());
  } else if (is_one_of(word, {"call", "include", "import", "extends", "from", "block", "with",
                              "raw", "do", "autoescape"})) {
    return fail(Errc::kUnsupported, "{}:{}: the statement '{}' is not supported", out.at.line,
                out.at.column, word);
  } else {
    return fail(Errc::kInvalid, "{}:{}: unexpected '{}'", out.at.line, out.at.column, word);
  }
  return out;
}

/// After "if" or "elif": an elif is an if in the else branch.
Result<void> Parser::if_statement(Statement& out) {
  out.kind = Statement::Kind::kIf;
  PX_TRY(out.expr, expression());
  PX_CHECK(end_block());
  PX_TRY(out.body, block({"elif", "else", "endif"}));
  take();  // {%
  const Token word = take();
  if (word.text == "elif") {
    PX_CHECK(descend());
    Statement nested;
    nested.at = word.at;
    PX_CHECK(if_statement(nested));
    out.otherwise.push_back(std::move(nested));
    ascend();
    return {};
  }
  PX_CHECK(end_block());
  if (word.text == "endif") return {};
  PX_TRY(out.otherwise, block({"endif"}));
  take();
  take();
  return end_block();
}

// "for" name { "," name } "in" disjunction [ "if" expression ] "%}" block
//   [ "{% else %}" block ] "{% endfor %}" ;
Result<void> Parser::for_statement(Statement& out) {
  out.kind = Statement::Kind::kFor;
  do {
    PX_TRY(const Token target, expect_name("a loop variable"));
    out.targets.push_back(target.text);
  } while (accept_operator(",") && out.targets.size() < 8);
  if (!accept_name("in")) return error_here("'in'");
  // A full expression would read the loop's own "if" as a conditional.
  PX_TRY(out.expr, disjunction());
  if (accept_name("if")) {
    PX_TRY(out.condition, expression());
  }
  PX_CHECK(end_block());
  ++loops_;
  PX_TRY(out.body, block({"else", "endfor"}));
  --loops_;
  take();
  const Token word = take();
  PX_CHECK(end_block());
  if (word.text == "endfor") return {};
  PX_TRY(out.otherwise, block({"endfor"}));
  take();
  take();
  return end_block();
}

// "set" name [ "." name ] "=" expression "%}"  |  "set" name "%}" block "{% endset %}" ;
Result<void> Parser::set_statement(Statement& out) {
  PX_TRY(const Token target, expect_name("a variable"));
  out.targets.push_back(target.text);
  if (accept_operator(".")) {
    PX_TRY(const Token attribute, expect_name("an attribute"));
    out.text = attribute.text;
  }
  if (accept_operator("=")) {
    out.kind = Statement::Kind::kSet;
    PX_TRY(out.expr, expression());
    return end_block();
  }
  if (!out.text.empty()) return error_here("'='");
  out.kind = Statement::Kind::kSetBlock;
  PX_CHECK(end_block());
  PX_TRY(out.body, block({"endset"}));
  take();
  take();
  return end_block();
}

/// {% generation %}: marks what a model said, for training; prints its body.
Result<void> Parser::group_statement(Statement& out) {
  out.kind = Statement::Kind::kGroup;
  PX_CHECK(end_block());
  PX_TRY(out.body, block({"endgeneration"}));
  take();
  take();
  return end_block();
}

// "macro" name "(" [ name [ "=" expression ] { "," ... } ] ")" "%}" block "{% endmacro %}" ;
// A loop around the definition is not around the body.
Result<void> Parser::macro_statement(Statement& out) {
  constexpr std::size_t kMaxParameters = 32;
  out.kind = Statement::Kind::kMacro;
  PX_TRY(const Token name, expect_name("the name of a macro"));
  out.text = name.text;
  PX_CHECK(expect_operator("("));
  while (!is_operator(")") && out.targets.size() < kMaxParameters) {
    PX_TRY(const Token parameter, expect_name("a parameter"));
    out.targets.push_back(parameter.text);
    out.defaults.emplace_back();
    if (accept_operator("=")) {
      PX_TRY(out.defaults.back(), expression());
    }
    if (!accept_operator(",")) break;
  }
  PX_CHECK(expect_operator(")"));
  PX_CHECK(end_block());
  const unsigned around = std::exchange(loops_, 0);
  PX_TRY(out.body, block({"endmacro"}));
  loops_ = around;
  take();
  take();
  if (peek().kind == Token::Kind::kName && peek().text == out.text) take();
  return end_block();
}

// "filter" name [ arguments ] { "|" name [ arguments ] } "%}" block "{% endfilter %}" ;
Result<void> Parser::filter_statement(Statement& out) {
  out.kind = Statement::Kind::kFilter;
  out.expr = make(Expr::Kind::kName, peek(), std::string(kFilterBody));
  do {
    PX_TRY(out.expr, named_filter(std::move(out.expr)));
  } while (accept_operator("|"));
  PX_CHECK(end_block());
  PX_TRY(out.body, block({"endfilter"}));
  take();
  take();
  return end_block();
}

Result<void> Parser::end_block() {
  if (peek().kind != Token::Kind::kBlockEnd) return error_here("'%}'");
  take();
  return {};
}

// The token list ends in kEnd, which is never taken: peeking past it gives kEnd again.
const Token& Parser::peek(std::size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

Token Parser::take() {
  Token token = peek();
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

bool Parser::is_operator(std::string_view spelling) const {
  return peek().kind == Token::Kind::kOperator && peek().text == spelling;
}

bool Parser::is_name(std::string_view spelling) const {
  return peek().kind == Token::Kind::kName && peek().text == spelling;
}

bool Parser::accept_operator(std::string_view spelling) {
  const bool found = is_operator(spelling);
  if (found) take();
  return found;
}

bool Parser::accept_name(std::string_view spelling) {
  const bool found = is_name(spelling);
  if (found) take();
  return found;
}

Result<void> Parser::expect_operator(std::string_view spelling) {
  if (!accept_operator(spelling)) return error_here(std::string("'").append(spelling).append("'"));
  return {};
}

// A keyword may name a statement or a test ("is in", "is not none"), nothing else.
Result<Token> Parser::expect_name(std::string_view what) {
  const bool reserved =
      std::find(kReserved.begin(), kReserved.end(), peek().text) != kReserved.end();
  const bool keyword = what == "a statement" || what == "a test";
  if (peek().kind != Token::Kind::kName || (reserved && !keyword)) return error_here(what);
  return take();
}

tl::unexpected<Error> Parser::error_here(std::string_view expected) const {
  const Token& token = peek();
  std::string found = "'" + token.text.substr(0, 40) + "'";
  if (token.kind == Token::Kind::kEnd) found = "the end of the template";
  if (token.kind == Token::Kind::kOutputEnd) found = "'}}'";
  if (token.kind == Token::Kind::kBlockEnd) found = "'%}'";
  return fail(Errc::kInvalid, "{}:{}: expected {}, found {}", token.at.line, token.at.column,
              expected, found);
}

// Called once for each recursion of the parser itself; ascend() undoes it on success. After an
// error nobody goes on parsing, so it may stay counted.
Result<void> Parser::descend() {
  if (++depth_ <= kMaxTreeDepth) return {};
  const Position at = peek().at;
  return fail(Errc::kLimit, "{}:{}: nested more than {} deep", at.line, at.column, kMaxTreeDepth);
}

}  // namespace pxos::text::jinja
