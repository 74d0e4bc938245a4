#include "cartridges/json_schema.hpp"

#include "pxvm/text/grammar/matcher.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::cartridges::json_schema_grammar;

namespace {

struct Accepts {
  explicit Accepts(std::string_view schema)
      : grammar(make(schema)),
        tokenizer(pxos::text::Tokenizer::create(nothing()).value()),
        trie(tokenizer) {}
  static pxos::text::Grammar make(std::string_view schema) {
    const auto gbnf = json_schema_grammar(pxos::as_bytes(schema));
    INFO((gbnf ? *gbnf : gbnf.error().message));
    REQUIRE(gbnf);
    auto parsed = pxos::text::Grammar::parse(*gbnf);
    INFO((parsed ? "" : parsed.error().message));
    REQUIRE(parsed);
    return std::move(*parsed);
  }
  bool operator()(std::string_view text) const {
    auto matcher = pxos::text::GrammarMatcher::create(grammar, trie).value();
    return matcher.accept(text) && matcher.is_complete();
  }
  static pxos::text::Vocabulary nothing() {
    pxos::text::Vocabulary v;
    v.tokens = {"a"};
    v.scores = {0};
    v.types = {pxos::text::TokenType::kNormal};
    return v;
  }
  pxos::text::Grammar grammar;
  pxos::text::Tokenizer tokenizer;
  pxos::text::TokenTrie trie;
};

std::string refusal(std::string_view schema) {
  const auto gbnf = json_schema_grammar(pxos::as_bytes(schema));
  REQUIRE_FALSE(gbnf);
  return gbnf.error().message;
}

}  // namespace

TEST_CASE("a schema without a type takes any JSON", "[schema]") {
  const Accepts any("{}");
  for (const char* text : {"1", "-0.5e+10", "\"a\\n\\u00e9\"", "[1, [ ], {\"a\": null}]", "true"})
    CHECK(any(text));
  for (const char* text : {"", "01", "\"a", "[1,]", "{a:1}", "nul", "\"\n\""})
    CHECK_FALSE(any(text));
  CHECK(Accepts("true")("{}"));
}

TEST_CASE("objects: order, optional and further properties", "[schema]") {
  const Accepts person(R"({"type": "object", "properties": {"name": {"type": "string"},
      "age": {"type": "integer", "minimum": 0, "maximum": 150}, "ok": {"type": "boolean"}},
      "required": ["name"]})");
  CHECK(person(R"({"name": "A", "age": 150, "ok": true})"));
  CHECK(person(R"({"name":"A","ok":false})"));
  CHECK(person(R"({"name":"A"})"));
  CHECK_FALSE(person(R"({"age": 1})"));
  CHECK_FALSE(person(R"({"name": "A", "age": 151})"));
  CHECK_FALSE(person(R"({"name": "A", "x": 1})"));
  CHECK_FALSE(person(R"({"name": "A",})"));
  const Accepts optional(R"({"properties": {"a": {"type": "null"}, "b": {"type": "null"}},
      "additionalProperties": {"type": "integer"}})");
  for (const char* text : {"{}", R"({"a":null})", R"({"b":null})", R"({"a":null,"b":null})",
                           R"({"b":null,"c":1,"d":2})", R"({"c":1})"})
    CHECK(optional(text));
  CHECK_FALSE(optional(R"({"c":"x"})"));
  CHECK(Accepts(R"({"type":"object"})")(R"({"any": [1]})"));
  CHECK_FALSE(Accepts(R"({"type":"object","additionalProperties":false})")(R"({"a":1})"));
}

TEST_CASE("arrays: counts, items and tuples", "[schema]") {
  const Accepts two_to_three(
      R"({"type":"array","items":{"enum":["x", 1]},"minItems":2,"maxItems":3})");
  CHECK((two_to_three(R"(["x",1])") && two_to_three(R"([ "x" , "x" , 1 ])")));
  CHECK_FALSE((two_to_three("[1]") || two_to_three("[1,1,1,1]") || two_to_three("[2,2]")));
  CHECK(Accepts(R"({"type":"array","maxItems":0})")("[]"));
  const Accepts tuple(R"({"prefixItems":[{"type":"string"},{"type":"number"}],"items":false})");
  CHECK((tuple(R"(["a", 1.5])") && !tuple(R"(["a"])") && !tuple(R"(["a",1,2])")));
}

TEST_CASE("texts: lengths, patterns, formats, constants", "[schema]") {
  const Accepts length(R"({"type":"string","minLength":2,"maxLength":3})");
  CHECK((length("\"ab\"") && length("\"\xC3\xA9\\n\xC3\xA9\"") && !length("\"a\"") &&
         !length("\"abcd\"")));
  CHECK(Accepts(R"({"type":"string","pattern":"^[A-Z]+$"})")("\"ABC\""));
  CHECK(Accepts(R"({"type":"string","format":"date"})")("\"2024-01-31\""));
  CHECK(Accepts(R"({"const":{"a":[1,"\"x\""]}})")(R"({"a":[1,"\"x\""]})"));
  CHECK(Accepts(R"({"type":["string","null"]})")("null"));
}

TEST_CASE("references may be recursive", "[schema]") {
  const Accepts tree(R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{
      "v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},
      "required":["v","next"]}}})");
  CHECK(tree(R"({"v":1,"next":{"v":2,"next":null}})"));
  CHECK_FALSE(tree(R"({"v":1})"));
}

TEST_CASE("what is not understood is named with its path", "[schema]") {
  CHECK_THAT(refusal(R"({"type":"object","properties":{"a":{"type":"string","foo":1}}})"),
             Contains("schema.properties.a.foo"));
  CHECK_THAT(refusal(R"({"allOf":[]})"), Contains("allOf"));
  CHECK_THAT(refusal(R"({"$ref":"http://x"})"), Contains("outside"));
  CHECK_THAT(refusal(R"({"$ref":"#/$defs/x"})"), Contains("not in this document"));
  CHECK_THAT(refusal(R"({"type":"strin"})"), Contains("'strin'"));
  CHECK_THAT(refusal(R"({"type":"integer","minimum":5,"maximum":4})"), Contains("5 to 4"));
  CHECK_THAT(refusal(R"({"type":"string","minLength":-1})"), Contains("minLength"));
  CHECK_THAT(refusal(R"({"type":"array","minItems":3,"maxItems":2})"), Contains("below"));
  CHECK_THAT(refusal(R"({"required":["a"],"properties":{}})"), Contains("'a'"));
  CHECK_THAT(refusal("[]"), Contains("expected an object"));
  CHECK_THAT(refusal("{"), Contains("schema"));
}

TEST_CASE("a damaged schema is refused or still gives a grammar", "[schema]") {
  const std::string_view schema = R"({"type":"object","properties":{"a":{"type":"array","items":
      {"$ref":"#/$defs/b"}}},"$defs":{"b":{"enum":["x","y"]}}})";
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const auto damaged = pxos::test::mutate(pxos::as_bytes(schema), i);
    const auto gbnf = json_schema_grammar(damaged);
    if (gbnf) CHECK(pxos::text::Grammar::parse(*gbnf));
  }
}
