#include "pxvm/text/tokenizer.hpp"

#include "pxvm/text/utf8.hpp"
#include "tests/pxvm/text/gguf_vocabulary.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text;

namespace {

Tokenizer make(Vocabulary vocabulary) {
  auto tokenizer = Tokenizer::create(std::move(vocabulary));
  REQUIRE(tokenizer);
  return std::move(*tokenizer);
}

std::vector<TokenId> ids(const Tokenizer& tokenizer, std::string_view text,
                         EncodeOptions options = {}) {
  const auto encoded = tokenizer.encode(text, options);
  REQUIRE(encoded);
  return *encoded;
}

}  // namespace

TEST_CASE("Tokenizer adds bos and eos where the vocabulary asks", "[text]") {
  Vocabulary v = test::small_spm(true);
  CHECK(ids(make(v), "") == std::vector<TokenId>{1});
  CHECK(ids(make(v), "", {.add_special = false}).empty());
  v.add_eos = true;
  CHECK(ids(make(v), "").back() == 2);
}

TEST_CASE("Tokenizer decodes what it encoded", "[text]") {
  const std::string text = "hello \xC3\xA9 world\n  \xF0\x9F\xA6\x99 ";
  for (const Vocabulary& v : {test::small_spm(true), test::small_bpe()}) {
    const Tokenizer tokenizer = make(v);
    CHECK(tokenizer.decode(ids(tokenizer, text)) == text);
  }
}

TEST_CASE("Tokenizer spells control tokens in trusted text only", "[text]") {
  const Tokenizer tokenizer = make(test::small_bpe());
  const TokenId end = *tokenizer.find("<|end|>");
  CHECK(ids(tokenizer, "a<|end|>", {.parse_special = true}) == std::vector<TokenId>{'a', end});
  CHECK(ids(tokenizer, "a<|end|>").size() == 8);
  CHECK(tokenizer.decode(std::vector<TokenId>{end, 'a'}) == "a");
  CHECK(tokenizer.decode(std::vector<TokenId>{end, 'a'}, {.show_control = true}) == "<|end|>a");
}

TEST_CASE("Tokenizer puts the space prefix after special tokens too", "[text]") {
  const Tokenizer tokenizer = make(test::small_spm(true));
  const TokenId hello = *tokenizer.find("\xE2\x96\x81hello");
  CHECK(ids(tokenizer, "hello</s>hello", {.add_special = false, .parse_special = true}) ==
        std::vector<TokenId>{hello, 2, hello});
  CHECK(tokenizer.piece(hello) == " hello");
  CHECK(tokenizer.decode(std::vector<TokenId>{hello}) == "hello");
  CHECK(tokenizer.decode(std::vector<TokenId>{hello}, {.strip_prefix = false}) == " hello");
}

TEST_CASE("Tokenizer's pieces of a character join to it", "[text]") {
  const Tokenizer tokenizer = make(test::small_spm(true));
  std::string bytes;
  for (const TokenId id : ids(tokenizer, "\xE2\x82\xAC", {.add_special = false}))
    bytes += tokenizer.piece(id);
  CHECK(bytes == " \xE2\x82\xAC");
  CHECK(is_utf8(tokenizer.decode(std::vector<TokenId>{3 + 0xE2, 3 + 0x82})));
}

TEST_CASE("Tokenizer counts bytes that are not UTF-8 as U+FFFD", "[text]") {
  const Tokenizer tokenizer = make(test::small_bpe());
  CHECK(tokenizer.decode(ids(tokenizer, "a\xFF")) == "a\xEF\xBF\xBD");
}

TEST_CASE("Tokenizer knows what ends a generation", "[text]") {
  Vocabulary v = test::small_bpe();
  v.eos.reset();
  const Tokenizer tokenizer = make(v);
  CHECK(tokenizer.is_end_of_generation(*tokenizer.find("<|end|>")));
  CHECK(tokenizer.is_control(*tokenizer.find("<|end|>")));
  CHECK_FALSE(tokenizer.is_end_of_generation('a'));
  CHECK_FALSE(tokenizer.is_end_of_generation(-1));
  v.eot = 'a';
  CHECK(make(v).is_end_of_generation('a'));
}

TEST_CASE("Tokenizer has nothing for ids outside the vocabulary", "[text]") {
  const Tokenizer tokenizer = make(test::small_bpe());
  CHECK(tokenizer.piece(-1).empty());
  CHECK(tokenizer.piece(tokenizer.size()).empty());
  CHECK_FALSE(tokenizer.is_control(tokenizer.size()));
  CHECK_FALSE(tokenizer.find("no such token").has_value());
}

TEST_CASE("Tokenizer::create names an unknown pre-tokenizer", "[text]") {
  Vocabulary v = test::small_bpe();
  v.pre = "mystery";
  const auto tokenizer = Tokenizer::create(v);
  REQUIRE_FALSE(tokenizer);
  CHECK_THAT(tokenizer.error().message, Catch::Contains("'mystery'"));
}

TEST_CASE("Tokenizer survives being moved", "[text]") {
  Tokenizer first = make(test::small_bpe());
  const Tokenizer second = std::move(first);
  CHECK(second.decode(ids(second, "hello w")) == "hello w");
}
