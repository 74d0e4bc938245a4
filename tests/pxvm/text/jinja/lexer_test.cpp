#include "pxvm/text/jinja/lexer.hpp"

#include <catch2/catch.hpp>

using namespace pxos::text::jinja;

namespace {

/// Tokens as text: T(...) for text, < > for markers, the spelling of the rest.
std::string show(std::string_view source) {
  const auto tokens = tokenize(source);
  INFO((tokens ? "" : tokens.error().message));
  REQUIRE(tokens);
  std::string out;
  for (const Token& token : *tokens) {
    switch (token.kind) {
      case Token::Kind::kText:
        out += "T(" + token.text + ")";
        break;
      case Token::Kind::kOutputBegin:
      case Token::Kind::kBlockBegin:
        out += "<";
        break;
      case Token::Kind::kOutputEnd:
      case Token::Kind::kBlockEnd:
        out += ">";
        break;
      default:
        out += token.text;
    }
  }
  return out;
}

std::string error_of(std::string_view source) {
  const auto tokens = tokenize(source);
  REQUIRE_FALSE(tokens);
  return tokens.error().message;
}

}  // namespace

TEST_CASE("tokenize trims the newline after a block and the blanks before it", "[text]") {
  CHECK(show("a\n  {% x %}\nb") == "T(a\n)<x>T(b)");
  CHECK(show("a  {% x %}  b") == "T(a  )<x>T(  b)");
  CHECK(show("  {{ x }}\nb") == "T(  )<x>T(\nb)");
  CHECK(show("  {%+ x +%}\nb") == "T(  )<x>T(\nb)");
}

TEST_CASE("tokenize strips white space where a sign asks", "[text]") {
  CHECK(show("a \n {{- x -}} \n b") == "T(a)<x>T(b)");
  CHECK(show("a {#- gone -#} b") == "T(a)T(b)");
  CHECK(show("{{ -1 }}") == "<-1>");
}

TEST_CASE("tokenize reads escapes, joins line ends and drops the last newline", "[text]") {
  CHECK(show(R"({{ 'a\n\'\u00e9\x41\q' }})") ==
        "<a\n'\xC3\xA9"
        "A\\q>");
  CHECK(show("a\r\nb\rc\n") == "T(a\nb\nc)");
  CHECK(show("{{ {'a': {}} }}") == "<{a:{}}>");
  CHECK(show("{{ 1.5 + 2 }}") == "<1.5+2>");
}

TEST_CASE("tokenize names the place of an error", "[text]") {
  CHECK(error_of("ab\n {{ 'x") == "2:5: string is not closed");
  CHECK(error_of("x {{ a") == "1:3: '{{' is not closed");
  CHECK(error_of("{# x") == "1:1: comment is not closed");
  CHECK(error_of("{{ a ! b }}") == "1:6: unexpected character");
  CHECK(error_of("{{ " + std::string(300, 'a') + " }}") == "1:4: name is too long");
}
