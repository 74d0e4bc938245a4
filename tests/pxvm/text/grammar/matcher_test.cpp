#include "pxvm/text/grammar/matcher.hpp"

#include "tests/pxvm/text/gguf_vocabulary.hpp"

#include <set>
#include <string>

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

/// A grammar over the small byte-level vocabulary (all bytes, he, ll, hell, hello, " w", an end).
struct Fixture {
  explicit Fixture(const std::string& gbnf)
      : grammar(Grammar::parse(gbnf).value()),
        tokenizer(Tokenizer::create(pxos::test::small_bpe()).value()),
        trie(tokenizer),
        matcher(GrammarMatcher::create(grammar, trie).value()) {}
  std::set<std::string> allowed() {
    const auto mask = matcher.mask();
    REQUIRE(mask);
    std::set<std::string> out;
    for (TokenId id = 0; id < tokenizer.size(); ++id) {
      const auto index = static_cast<std::size_t>(id);
      if ((((*mask)[index / 64] >> (index % 64)) & 1U) != 0)
        out.insert(tokenizer.is_control(id) ? "END" : tokenizer.piece(id));
    }
    return out;
  }
  Grammar grammar;
  Tokenizer tokenizer;
  TokenTrie trie;
  GrammarMatcher matcher;
};

using Texts = std::set<std::string>;

bool accepts(const std::string& gbnf, std::string_view text) {
  Fixture f(gbnf);
  return f.matcher.accept(text) && f.matcher.is_complete();
}

}  // namespace

TEST_CASE("the mask holds the tokens that can go on, and the end where a text may end",
          "[grammar]") {
  Fixture f(R"(root ::= "hello" " w"?)");
  CHECK(f.allowed() == Texts{"h", "he", "hell", "hello"});
  REQUIRE(f.matcher.accept("hell"));
  CHECK(f.allowed() == Texts{"o"});
  REQUIRE(f.matcher.accept("o"));
  CHECK(f.matcher.is_complete());
  CHECK(f.allowed() == Texts{" ", " w", "END"});
  REQUIRE(f.matcher.accept(" w"));
  CHECK(f.allowed() == Texts{"END"});
}

TEST_CASE("what the grammar refuses changes nothing", "[grammar]") {
  Fixture f(R"(root ::= "ab")");
  CHECK_FALSE(f.matcher.accept("ax"));
  CHECK(f.matcher.accept("ab"));
  CHECK_FALSE(f.matcher.accept("a"));
}

TEST_CASE("characters of several bytes may come in pieces", "[grammar]") {
  Fixture f("root ::= [\xC3\xA9\xE2\x82\xAC]+");
  CHECK(f.allowed() == Texts{"\xC3", "\xE2"});
  REQUIRE(f.matcher.accept("\xE2"));
  CHECK(f.allowed() == Texts{"\x82"});
  REQUIRE(f.matcher.accept("\x82\xAC"));
  CHECK(f.allowed() == Texts{"\xC3", "\xE2", "END"});
}

TEST_CASE("repetitions, alternatives and classes match as written", "[grammar]") {
  CHECK(accepts("root ::= \"a\"{2,3}", "aa"));
  CHECK(accepts("root ::= \"a\"{2,3}", "aaa"));
  CHECK_FALSE(accepts("root ::= \"a\"{2,3}", "a"));
  CHECK_FALSE(accepts("root ::= \"a\"{2,3}", "aaaa"));
  CHECK(accepts("root ::= (\"ab\" | \"cd\")* [^x]", "abcdaby"));
  CHECK_FALSE(accepts("root ::= [^x]", "x"));
  CHECK(accepts("root ::= .", "\xF0\x9F\x98\x80"));
  CHECK(accepts("root ::= \"\"{3} \"a\"?", ""));
}

TEST_CASE("nested brackets need a stack, and long lists none", "[grammar]") {
  const std::string nested = R"(root ::= "[" root? "]")";
  CHECK(accepts(nested, std::string(2000, '[') + std::string(2000, ']')));
  CHECK_FALSE(accepts(nested, std::string(2000, '[') + std::string(1999, ']')));
  CHECK(accepts("root ::= item*\nitem ::= \"a\" | \"b\"", std::string(200000, 'a')));
  Fixture deep(nested);
  const auto too_deep = deep.matcher.accept(std::string(20000, '['));
  REQUIRE_FALSE(too_deep);
  CHECK(too_deep.error().code == pxos::Errc::kLimit);
}

TEST_CASE("a matcher that has seen many situations goes on with its own", "[grammar]") {
  Fixture f(R"(root ::= "[" root* "]")");
  for (int round = 0; round < 6; ++round) {
    REQUIRE(f.matcher.accept(std::string(700, '[')));
    CHECK(f.allowed() == Texts{"[", "]"});
  }
  REQUIRE(f.matcher.accept(std::string(4199, ']')));
  CHECK(f.allowed() == Texts{"[", "]"});
  REQUIRE(f.matcher.accept("]"));
  CHECK(f.allowed() == Texts{"END"});
}

TEST_CASE("a mask allows exactly what can be accepted", "[grammar]") {
  const std::string gbnf = R"(root ::= "{" ws pair ("," ws pair)* "}"
pair ::= "\"" [a-z]+ "\"" ws ":" ws ([0-9]+ | root)
ws ::= " "{0,2})";
  Fixture f(gbnf);
  std::string so_far;
  for (const std::string_view text : {"{", " \"he", "llo\"", ": ", "{\"", "x\":1", "2}", "}"}) {
    const Texts allowed = f.allowed();
    for (TokenId id = 0; id < f.tokenizer.size(); ++id) {
      const std::string piece = f.tokenizer.piece(id);
      if (piece.empty()) continue;
      GrammarMatcher fresh = GrammarMatcher::create(f.grammar, f.trie).value();
      REQUIRE(fresh.accept(so_far));
      CHECK(fresh.accept(piece).has_value() == (allowed.count(piece) == 1));
    }
    REQUIRE(f.matcher.accept(text));
    so_far += text;
  }
  CHECK(f.matcher.is_complete());
}
