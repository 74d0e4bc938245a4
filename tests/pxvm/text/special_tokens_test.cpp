#include "pxvm/text/special_tokens.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text;

namespace {

Vocabulary vocabulary() {
  Vocabulary v;
  const auto add = [&v](const char* token, TokenType type) {
    v.tokens.emplace_back(token);
    v.types.push_back(type);
  };
  add("<a>", TokenType::kControl);
  add("<a><b>", TokenType::kUserDefined);
  add("<", TokenType::kUserDefined);
  add("plain", TokenType::kNormal);
  add("<unk>", TokenType::kUnknown);
  return v;
}

std::string show(std::string_view text, bool control) {
  const auto special = SpecialTokens::create(vocabulary());
  REQUIRE(special);
  std::string out;
  for (const Fragment& fragment : special->split(text, control)) {
    out += fragment.token ? "[" + std::to_string(*fragment.token) + "]"
                          : "(" + std::string(fragment.text) + ")";
  }
  return out;
}

}  // namespace

TEST_CASE("SpecialTokens takes the longest token at the leftmost place", "[text]") {
  CHECK(show("x<a><b>y", true) == "(x)[1](y)");
  CHECK(show("x<a><c", true) == "(x)[0][2](c)");
  CHECK(show("plain", true) == "(plain)");
  CHECK(show("", true).empty());
}

TEST_CASE("SpecialTokens leaves control tokens alone in plain text", "[text]") {
  CHECK(show("<a>", false) == "[2](a>)");
  CHECK(show("<unk>", true) == "[4]");
  CHECK(show("<unk>", false) == "[2](unk>)");
}

TEST_CASE("SpecialTokens refuses a special token that is too long", "[text]") {
  Vocabulary v = vocabulary();
  v.tokens[1] = std::string(257, 'a');
  const auto special = SpecialTokens::create(v);
  REQUIRE_FALSE(special);
  CHECK(special.error().code == Errc::kLimit);
}
