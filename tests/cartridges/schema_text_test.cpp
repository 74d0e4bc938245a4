#include "cartridges/schema_text.hpp"

#include "pxvm/text/grammar/matcher.hpp"

#include <catch2/catch.hpp>

using namespace pxos::cartridges;
using Catch::Contains;

namespace {

/// A grammar and a matcher that needs no vocabulary.
struct Accepts {
  explicit Accepts(const std::string& expression)
      : grammar(pxos::text::Grammar::parse("char ::= [^\"\\\\]\nroot ::= " + expression).value()),
        tokenizer(pxos::text::Tokenizer::create(nothing()).value()),
        trie(tokenizer) {}
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

}  // namespace

TEST_CASE("integer ranges hold exactly their numbers", "[schema]") {
  const std::pair<int, int> ranges[] = {{0, 0},    {3, 7},       {0, 10},     {9, 11},  {17, 42},
                                        {99, 100}, {100, 999},   {123, 4567}, {-5, 5},  {-120, -13},
                                        {-1, 0},   {1000, 1001}, {250, 255},  {0, 1999}};
  for (const auto& [low, high] : ranges) {
    const Accepts accepts(integer_range_gbnf(low, high));
    int wrong = 0;
    for (int i = -300; i <= 5000; ++i)
      wrong += accepts(std::to_string(i)) != (i >= low && i <= high) ? 1 : 0;
    INFO(low << " to " << high);
    CHECK(wrong == 0);
    CHECK_FALSE(accepts("007"));
    CHECK_FALSE(accepts("-0"));
  }
}

TEST_CASE("open integer ranges go as far as sixteen digits", "[schema]") {
  const Accepts above(integer_range_gbnf(18, std::nullopt));
  CHECK((above("18") && above("1000000000000000") && !above("17") && !above("-20")));
  const Accepts below(integer_range_gbnf(std::nullopt, -3));
  CHECK((below("-3") && below("-99999") && !below("-2") && !below("5")));
}

TEST_CASE("patterns become grammars", "[schema]") {
  const Accepts phone(pattern_gbnf(R"(^(\([0-9]{3}\))?[0-9]{3}-\d{4}$)").value());
  CHECK((phone("555-1234") && phone("(888)555-1234") && !phone("5555-1234")));
  const Accepts part(pattern_gbnf("a|bc+").value());
  CHECK((part("xay") && part("bccc") && !part("b")));
  const Accepts classes(pattern_gbnf(R"(^[^a-c][\w.\-]*$)").value());
  CHECK((classes("d.x-_9") && !classes("a")));
  for (const char* pattern : {"(?=a)", "a^b", R"(\bx)", "[a", "(a", "a**", "*", R"(\p{L})", "a)"}) {
    INFO(pattern);
    const auto refused = pattern_gbnf(pattern);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Contains("not understood"));
  }
}

TEST_CASE("formats match what they name", "[schema]") {
  const Accepts moment(format_gbnf("date-time").value());
  CHECK((moment("2024-02-29T23:59:59.5Z") && !moment("2024-13-01T00:00:00Z")));
  const Accepts uuid(format_gbnf("uuid").value());
  CHECK(uuid("123e4567-e89b-12d3-a456-426614174000"));
  CHECK_FALSE(format_gbnf("email"));
}

TEST_CASE("texts are quoted so that they mean themselves", "[schema]") {
  const std::string text = "a\"b\\c\n\x01\xC3\xA9[]";
  CHECK(Accepts(quote_gbnf(text))(text));
}
