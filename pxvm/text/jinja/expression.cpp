// The expression half of the parser.
#include "pxvm/text/jinja/parser.hpp"

#include <algorithm>
#include <charconv>

namespace pxos::text::jinja {

// expression = disjunction { "if" disjunction [ "else" expression ] } ;
// The loop makes "a if b if c" parse as Jinja does; the else branch recurses, so it is counted.
Result<ExprPtr> Parser::expression() {
  PX_CHECK(descend());
  PX_TRY(ExprPtr value, disjunction());
  while (is_name("if")) {
    const Token at = take();
    PX_TRY(ExprPtr condition, disjunction());
    ExprPtr otherwise;
    if (accept_name("else")) {
      PX_TRY(otherwise, expression());
    }
    std::vector<ExprPtr> children;
    children.push_back(std::move(value));
    children.push_back(std::move(condition));
    children.push_back(std::move(otherwise));
    PX_TRY(value, with(make(Expr::Kind::kConditional, at), std::move(children)));
  }
  ascend();
  return value;
}

// level = tighter { op tighter } ; left-associative. The tree grows to the left by one level for
// each operator without recursion here, so with() is what bounds it.
Result<ExprPtr> Parser::ladder(std::initializer_list<Rung> rungs,
                               Result<ExprPtr> (Parser::*tighter)()) {
  PX_TRY(ExprPtr left, (this->*tighter)());
  while (true) {
    const Token& at = peek();
    const bool word = at.kind == Token::Kind::kOperator || at.kind == Token::Kind::kName;
    const auto* const rung = std::find_if(
        rungs.begin(), rungs.end(), [&](const Rung& r) { return word && r.spelling == at.text; });
    if (rung == rungs.end()) return left;
    ExprPtr node = make(Expr::Kind::kBinary, take());
    node->op = rung->op;
    PX_TRY(ExprPtr right, (this->*tighter)());
    std::vector<ExprPtr> children;
    children.push_back(std::move(left));
    children.push_back(std::move(right));
    PX_TRY(left, with(std::move(node), std::move(children)));
  }
}

// disjunction = conjunction { "or" conjunction } ;
Result<ExprPtr> Parser::disjunction() {
  return ladder({{"or", Operator::kOr}}, &Parser::conjunction);
}

// conjunction = negation { "and" negation } ;
Result<ExprPtr> Parser::conjunction() {
  return ladder({{"and", Operator::kAnd}}, &Parser::negation);
}

// negation = "not" negation | comparison ;
Result<ExprPtr> Parser::negation() {
  if (!is_name("not")) return comparison();
  PX_CHECK(descend());
  ExprPtr node = make(Expr::Kind::kUnary, take());
  node->op = Operator::kNot;
  std::vector<ExprPtr> children(1);
  PX_TRY(children[0], negation());
  ascend();
  return with(std::move(node), std::move(children));
}

// comparison = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" | [ "not" ] "in" ) sum ] ;
// Python chains comparisons (a < b < c means a < b and b < c). No known template does; reading it
// from left to right would silently mean something else, so a second one is refused.
Result<ExprPtr> Parser::comparison() {
  PX_TRY(ExprPtr left, sum());
  if (is_name("not") && peek(1).kind == Token::Kind::kName && peek(1).text == "in") {
    ExprPtr node = make(Expr::Kind::kBinary, take());
    take();
    node->op = Operator::kNotIn;
    std::vector<ExprPtr> children(1);
    children[0] = std::move(left);
    PX_TRY(ExprPtr right, sum());
    children.push_back(std::move(right));
    return with(std::move(node), std::move(children));
  }
  const std::initializer_list<Rung> rungs = {
      {"==", Operator::kEqual},     {"!=", Operator::kNotEqual}, {"<", Operator::kLess},
      {"<=", Operator::kLessEqual}, {">", Operator::kGreater},   {">=", Operator::kGreaterEqual},
      {"in", Operator::kIn}};
  const Token at = peek();
  const auto* const rung = std::find_if(rungs.begin(), rungs.end(), [&](const Rung& r) {
    return (is_operator(r.spelling) || is_name(r.spelling));
  });
  if (rung == rungs.end()) return left;
  ExprPtr node = make(Expr::Kind::kBinary, take());
  node->op = rung->op;
  std::vector<ExprPtr> children(1);
  children[0] = std::move(left);
  PX_TRY(ExprPtr right, sum());
  children.push_back(std::move(right));
  const bool chained = std::any_of(rungs.begin(), rungs.end(), [&](const Rung& r) {
    return is_operator(r.spelling) || is_name(r.spelling);
  });
  if (chained)
    return fail(Errc::kUnsupported, "{}:{}: chained comparisons are not supported", peek().at.line,
                peek().at.column);
  return with(std::move(node), std::move(children));
}

// sum = concatenation { ( "+" | "-" ) concatenation } ;
Result<ExprPtr> Parser::sum() {
  return ladder({{"+", Operator::kAdd}, {"-", Operator::kSubtract}}, &Parser::concatenation);
}

// concatenation = product { "~" product } ; tighter than "+", looser than "*", as in Jinja.
Result<ExprPtr> Parser::concatenation() {
  return ladder({{"~", Operator::kConcat}}, &Parser::product);
}

// product = unary { ( "*" | "/" | "//" | "%" ) unary } ;
Result<ExprPtr> Parser::product() {
  return ladder({{"*", Operator::kMultiply},
                 {"/", Operator::kDivide},
                 {"//", Operator::kFloorDivide},
                 {"%", Operator::kModulo}},
                &Parser::unary);
}

// unary = { "+" } ( "-" unary | primary postfix ) ; a filter binds tighter than the minus.
Result<ExprPtr> Parser::unary() {
  while (accept_operator("+")) {
  }
  if (!is_operator("-")) {
    PX_TRY(ExprPtr operand, primary());
    return postfix(std::move(operand));
  }
  PX_CHECK(descend());
  ExprPtr node = make(Expr::Kind::kUnary, take());
  node->op = Operator::kNegate;
  std::vector<ExprPtr> children(1);
  PX_TRY(children[0], unary());
  ascend();
  return with(std::move(node), std::move(children));
}

// primary = string { string } | integer | float | name | brackets ;
Result<ExprPtr> Parser::primary() {
  const Token& token = peek();
  if (token.kind == Token::Kind::kName) return name_or_constant();
  if (token.kind == Token::Kind::kOperator) return brackets();
  ExprPtr node = make(Expr::Kind::kLiteral, token);
  const std::string& text = token.text;
  if (token.kind == Token::Kind::kString) {
    std::string value;
    while (peek().kind == Token::Kind::kString) value += take().text;
    node->value = Value::text(std::move(value));
    return node;
  }
  if (token.kind == Token::Kind::kInteger) {
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{}) return error_here("a 64-bit integer");
    node->value = Value::integer(value);
  } else if (token.kind == Token::Kind::kFloat) {
    double value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{}) return error_here("a float in range");
    node->value = Value::real(value);
  } else {
    return error_here("an expression");
  }
  take();
  return node;
}

// Both spellings of the constants: templates are written by Python people.
Result<ExprPtr> Parser::name_or_constant() {
  PX_TRY(const Token token, expect_name("an expression"));
  ExprPtr node = make(Expr::Kind::kLiteral, token);
  if (token.text == "true" || token.text == "True") {
    node->value = Value::boolean(true);
  } else if (token.text == "false" || token.text == "False") {
    node->value = Value::boolean(false);
  } else if (token.text == "none" || token.text == "None") {
    node->value = Value::none();
  } else {
    node->kind = Expr::Kind::kName;
    node->text = token.text;
  }
  return node;
}

// brackets = "[" [ expression { "," expression } [ "," ] ] "]" | parentheses | braces ;
Result<ExprPtr> Parser::brackets() {
  if (is_operator("(")) return parentheses();
  if (is_operator("{")) return braces();
  if (!is_operator("[")) return error_here("an expression");
  ExprPtr node = make(Expr::Kind::kList, take());
  std::vector<ExprPtr> children;
  while (!is_operator("]")) {
    PX_TRY(ExprPtr item, expression());
    children.push_back(std::move(item));
    if (!accept_operator(",")) break;
  }
  PX_CHECK(expect_operator("]"));
  return with(std::move(node), std::move(children));
}

/// ( expression ), or a tuple, which is a list here.
Result<ExprPtr> Parser::parentheses() {
  ExprPtr node = make(Expr::Kind::kList, take());
  std::vector<ExprPtr> children;
  bool tuple = is_operator(")");
  while (!is_operator(")")) {
    PX_TRY(ExprPtr item, expression());
    children.push_back(std::move(item));
    if (!accept_operator(",")) break;
    tuple = true;
  }
  PX_CHECK(expect_operator(")"));
  if (!tuple) return std::move(children[0]);
  return with(std::move(node), std::move(children));
}

// braces = "{" [ expression ":" expression { "," expression ":" expression } [ "," ] ] "}" ;
// That keys are texts is checked when the mapping is made.
Result<ExprPtr> Parser::braces() {
  ExprPtr node = make(Expr::Kind::kDict, take());
  std::vector<ExprPtr> children;
  while (!is_operator("}")) {
    PX_TRY(ExprPtr key, expression());
    PX_CHECK(expect_operator(":"));
    PX_TRY(ExprPtr value, expression());
    children.push_back(std::move(key));
    children.push_back(std::move(value));
    if (!accept_operator(",")) break;
  }
  PX_CHECK(expect_operator("}"));
  return with(std::move(node), std::move(children));
}

// postfix = { "." name | "[" subscript "]" | "(" arguments ")" | "|" filter | "is" test } ;
Result<ExprPtr> Parser::postfix(ExprPtr operand) {
  while (true) {
    if (is_operator(".")) {
      const Token dot = take();
      PX_TRY(const Token name, expect_name("an attribute"));
      std::vector<ExprPtr> children(1);
      children[0] = std::move(operand);
      PX_TRY(operand, with(make(Expr::Kind::kAttribute, dot, name.text), std::move(children)));
    } else if (is_operator("[")) {
      PX_TRY(operand, subscript(std::move(operand)));
    } else if (is_operator("(")) {
      ExprPtr call = make(Expr::Kind::kCall, peek());
      call->children.push_back(std::move(operand));
      PX_CHECK(arguments(*call));
      PX_TRY(operand, with(std::move(call), {}));
    } else if (is_operator("|")) {
      PX_TRY(operand, filter(std::move(operand)));
    } else if (is_name("is")) {
      PX_TRY(operand, test(std::move(operand)));
    } else {
      return operand;
    }
  }
}

/// object[index] or object[start:stop:step].
Result<ExprPtr> Parser::subscript(ExprPtr object) {
  const Token open = take();
  std::vector<ExprPtr> children;
  children.push_back(std::move(object));
  bool slice = false;
  for (int part = 0; part < 3; ++part) {
    children.emplace_back();
    if (!is_operator(":") && !is_operator("]")) {
      PX_TRY(children.back(), expression());
    }
    if (!accept_operator(":")) break;
    slice = true;
  }
  if (!slice && children[1] == nullptr) return error_here("an index");
  PX_CHECK(expect_operator("]"));
  if (slice) children.resize(4);
  return with(make(slice ? Expr::Kind::kSlice : Expr::Kind::kSubscript, open), std::move(children));
}

// filter = name [ "(" arguments ")" ] ; the operand is the first child.
Result<ExprPtr> Parser::filter(ExprPtr operand) {
  take();
  return named_filter(std::move(operand));
}

Result<ExprPtr> Parser::named_filter(ExprPtr operand) {
  PX_TRY(const Token name, expect_name("a filter"));
  ExprPtr node = make(Expr::Kind::kFilter, name, name.text);
  node->children.push_back(std::move(operand));
  if (is_operator("(")) PX_CHECK(arguments(*node));
  return with(std::move(node), {});
}

// test = [ "not" ] name [ "(" arguments ")" | primary ] ;
Result<ExprPtr> Parser::test(ExprPtr operand) {
  const Token is = take();
  const bool negated = accept_name("not");
  PX_TRY(const Token name, expect_name("a test"));
  ExprPtr node = make(Expr::Kind::kTest, name, name.text);
  node->children.push_back(std::move(operand));
  if (is_operator("(")) {
    PX_CHECK(arguments(*node));
  } else if (starts_test_argument()) {
    PX_TRY(ExprPtr argument, primary());
    node->children.push_back(std::move(argument));
    node->keywords.emplace_back();
  }
  PX_TRY(ExprPtr whole, with(std::move(node), {}));
  if (!negated) return whole;
  ExprPtr inverted = make(Expr::Kind::kUnary, is);
  inverted->op = Operator::kNot;
  std::vector<ExprPtr> children(1);
  children[0] = std::move(whole);
  return with(std::move(inverted), std::move(children));
}

/// "x is divisibleby 3": a literal or a name that goes on with nothing else.
bool Parser::starts_test_argument() const {
  const Token& token = peek();
  if (token.kind == Token::Kind::kString || token.kind == Token::Kind::kInteger) return true;
  if (token.kind == Token::Kind::kOperator) return token.text == "[";
  if (token.kind != Token::Kind::kName) return false;
  for (const std::string_view word : {"and", "or", "not", "if", "else", "is", "in"}) {
    if (token.text == word) return false;
  }
  return true;
}

/// ( expression or name = expression, ... ), appended to `call`.
Result<void> Parser::arguments(Expr& call) {
  PX_CHECK(expect_operator("("));
  while (!is_operator(")")) {
    std::string keyword;
    const Token& after = peek(1);
    if (peek().kind == Token::Kind::kName && after.kind == Token::Kind::kOperator &&
        after.text == "=") {
      keyword = take().text;
      take();
    }
    PX_TRY(ExprPtr argument, expression());
    call.children.push_back(std::move(argument));
    call.keywords.push_back(std::move(keyword));
    if (!accept_operator(",")) break;
  }
  return expect_operator(")");
}

// A node without children yet; its errors will point at `at`.
ExprPtr Parser::make(Expr::Kind kind, const Token& at, std::string text) const {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->at = at.at;
  node->text = std::move(text);
  return node;
}

// Everything that walks a tree recurses once a level; this is the one place that limits levels.
Result<ExprPtr> Parser::with(ExprPtr parent, std::vector<ExprPtr> children) const {
  for (ExprPtr& child : children) parent->children.push_back(std::move(child));
  unsigned deepest = 0;
  for (const ExprPtr& child : parent->children) {
    if (child != nullptr) deepest = std::max(deepest, child->depth);
  }
  parent->depth = deepest + 1;
  if (parent->depth > kMaxTreeDepth)
    return fail(Errc::kLimit, "{}:{}: expression nested more than {} deep", parent->at.line,
                parent->at.column, kMaxTreeDepth);
  return parent;
}

}  // namespace pxos::text::jinja
