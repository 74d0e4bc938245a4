#include "pxvm/text/grammar/grammar.hpp"

#include <string>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::text::Grammar;

namespace {

std::string refusal(const std::string& text) {
  const auto grammar = Grammar::parse(text);
  REQUIRE_FALSE(grammar);
  return grammar.error().message;
}

}  // namespace

TEST_CASE("grammars of every construct are read", "[grammar]") {
  const auto grammar = Grammar::parse(R"(# comment
root  ::= item ("," ws item)* |
          "none" # continues after the bar
item  ::= [a-z0-9_-]+ | "\"" [^"\\\n]{0,10} "\"" | (
  "x"? .{2} "\u00e9\x41\U0001F600"
)
ws ::= " "{,3}
)");
  INFO((grammar ? "" : grammar.error().message));
  REQUIRE(grammar);
  CHECK(grammar->rules.size() > 3);
}

TEST_CASE("mistakes are named with their place", "[grammar]") {
  CHECK_THAT(refusal("root ::= foo"), Contains("'foo' is not defined"));
  CHECK_THAT(refusal("a ::= \"x\""), Contains("no rule 'root'"));
  CHECK_THAT(refusal("root ::= \"x\"\nroot ::= \"y\""), Contains("2:") && Contains("twice"));
  CHECK_THAT(refusal("root = \"x\""), Contains("1:6") && Contains("::="));
  CHECK_THAT(refusal("root ::= \"x"), Contains("literal"));
  CHECK_THAT(refusal("root ::= [z-a]"), Contains("ends before"));
  CHECK_THAT(refusal("root ::= []"), Contains("without characters"));
  CHECK_THAT(refusal("root ::= (\"x\""), Contains("expected )"));
  CHECK_THAT(refusal("root ::= \"x\"{3,2}"), Contains("below"));
  CHECK_THAT(refusal("root ::= \"\\q\""), Contains("escape"));
  CHECK_THAT(refusal("root ::= \"\\uD800\""), Contains("no character"));
  CHECK_THAT(refusal("root ::= \"x\" )"), Contains("end of the line"));
  CHECK_THAT(refusal(""), Contains("root"));
}

TEST_CASE("left recursion is refused, straight, hidden and through others", "[grammar]") {
  CHECK_THAT(refusal("root ::= root \"x\" | \"y\""), Contains("left-recursive"));
  CHECK_THAT(refusal("root ::= a\na ::= b \"x\"\nb ::= \"z\"? a"), Contains("left-recursive"));
  CHECK_THAT(refusal("root ::= (\"x\"?)* \"y\""), Contains("left-recursive"));
  CHECK(Grammar::parse("root ::= \"x\" root | \"y\""));
}

TEST_CASE("sizes are limited before they cost anything", "[grammar]") {
  CHECK_THAT(refusal("root ::= \"x\"{5000}"), Contains("4096"));
  CHECK_THAT(refusal("root ::= (\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"{4096}){4096}"
                     " | (\"xy\"{4096} \"z\"{4096})"
                     " ((((\"abc\"{3,4096}){1,4096}){2,4096}){4000})"
                     "{4096,} " +
                     std::string(200, '(')),
             Contains("nest") || Contains("symbols"));
  CHECK_THAT(refusal("root ::= " + std::string(100, '(') + "\"x\"" + std::string(100, ')')),
             Contains("nest"));
  CHECK_THAT(refusal(std::string(2U << 20U, ' ')), Contains("bytes"));
}

TEST_CASE("a chain of empty rules in the worst order is quick", "[grammar]") {
  std::string text = "root ::= r20000\nr0 ::= \"\"\n";
  for (int i = 20000; i > 0; --i)
    text += "r" + std::to_string(i) + " ::= r" + std::to_string(i - 1) + "\n";
  CHECK(Grammar::parse(text));
}
