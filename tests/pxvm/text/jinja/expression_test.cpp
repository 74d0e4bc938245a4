// The expression half of the parser, seen through its trees.
#include "pxvm/text/jinja/parser.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text::jinja;

namespace {

/// The tree in prefix form; operators by number would be unreadable, so by a letter or sign.
std::string show(const Expr* e) {
  if (e == nullptr) return "_";
  constexpr const char* kOperators[] = {"+",     "-",   "*",  "/",   "//", "%",  "~",
                                        "==",    "!=",  "<",  "<=",  ">",  ">=", "in",
                                        "notin", "and", "or", "not", "neg"};
  constexpr const char* kKinds[] = {"",     "",  "list", "dict", ".", "[]", "[:]",
                                    "call", "|", "is",   "",     "",  "if"};
  std::string out = kKinds[static_cast<std::size_t>(e->kind)] + e->text;
  if (e->kind == Expr::Kind::kUnary || e->kind == Expr::Kind::kBinary)
    out = kOperators[static_cast<std::size_t>(e->op)];
  Budget budget(1000);
  if (e->kind == Expr::Kind::kLiteral) return print(e->value, budget).value();
  if (e->kind == Expr::Kind::kName) return out;
  out += "(";
  for (const ExprPtr& child : e->children)
    out += (&child == e->children.data() ? "" : " ") + show(child.get());
  return out + ")";
}

std::string tree(const std::string& expression) {
  const auto block = parse_template("{{ " + expression + " }}");
  INFO((block ? "" : block.error().message));
  REQUIRE(block);
  return show((*block)[0].expr.get());
}

Errc code_of(const std::string& expression) {
  const auto block = parse_template("{{ " + expression + " }}");
  REQUIRE_FALSE(block);
  return block.error().code;
}

}  // namespace

TEST_CASE("expressions bind as Jinja's do", "[text]") {
  CHECK(tree("a or b and not c == d") == "or(a and(b not(==(c d))))");
  CHECK(tree("1 + 2 * 3 - 4") == "-(+(1 *(2 3)) 4)");
  CHECK(tree("a + b ~ c") == "+(a ~(b c))");
  CHECK(tree("a + b | trim") == "+(a |trim(b))");
  CHECK(tree("-a.b[0]") == "neg([](.b(a) 0))");
  CHECK(tree("not x is defined") == "not(isdefined(x))");
  CHECK(tree("x is not none and y") == "and(not(isnone(x)) y)");
  CHECK(tree("a not in b or c in d") == "or(notin(a b) in(c d))");
  CHECK(tree("a if b else c if d else e") == "if(a b if(c d e))");
  CHECK(tree("a if b") == "if(a b _)");
}

TEST_CASE("expressions read postfix forms", "[text]") {
  CHECK(tree("m[1:]") == "[:](m 1 _ _)");
  CHECK(tree("m[::-1]") == "[:](m _ _ neg(1))");
  CHECK(tree("m[:a:2]") == "[:](m _ a 2)");
  CHECK(tree("a.b(1, c=2)[0]|f('x')|g") == "|g(|f([](call(.b(a) 1 2) 0) x))");
  CHECK(tree("x is divisibleby 3") == "isdivisibleby(x 3)");
  CHECK(tree("x is equalto('a')") == "isequalto(x a)");
}

TEST_CASE("expressions read literals", "[text]") {
  CHECK(tree("'a' \"b\"") == "ab");
  CHECK(tree("[1, 'x', [], true,]") == "list(1 x list() True)");
  CHECK(tree("{'a': 1, 'b': {}}") == "dict(a 1 b dict())");
  CHECK(tree("(1)") == "1");
  CHECK(tree("(1, 2)") == "list(1 2)");
  CHECK(tree("9223372036854775807") == "9223372036854775807");
}

TEST_CASE("expressions refuse what has no meaning here", "[text]") {
  CHECK(code_of("9223372036854775808") == Errc::kInvalid);
  CHECK(code_of("a[]") == Errc::kInvalid);
  CHECK(code_of("a.") == Errc::kInvalid);
  CHECK(code_of("f(a") == Errc::kInvalid);
  CHECK(code_of("") == Errc::kInvalid);
  CHECK(code_of("1 < 2 < 3") == Errc::kUnsupported);
}
