#include "pxvm/text/pre_tokenizer.hpp"

#include "pxvm/text/tokenizer.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text;

namespace {

std::vector<std::string> words(std::string_view name, std::string_view text) {
  const auto tokenizer = PreTokenizer::create(name);
  REQUIRE(tokenizer);
  const auto split = tokenizer->split(text);
  REQUIRE(split);
  std::vector<std::string> out;
  for (const Word& word : *split) out.emplace_back(text.substr(word.begin, word.end - word.begin));
  return out;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("PreTokenizer gpt-2 keeps numbers and contractions together", "[text]") {
  CHECK(words("gpt-2", "I'll pay 123 don't") == Words{"I", "'ll", " pay", " 123", " don", "'t"});
  CHECK(words("gpt-2", "a   b\n\n c ") == Words{"a", "  ", " b", "\n\n", " c", " "});
}

TEST_CASE("PreTokenizer smollm and starcoder cut digits apart", "[text]") {
  CHECK(words("smollm", "a 12b") == Words{"a", " ", "1", "2", "b"});
  CHECK(words("starcoder", "  x=10") == Words{" ", " x", "=", "1", "0"});
}

TEST_CASE("PreTokenizer qwen2 and llama-bpe differ in the length of numbers", "[text]") {
  CHECK(words("qwen2", "x 1234") == Words{"x", " ", "1", "2", "3", "4"});
  CHECK(words("llama-bpe", "x 1234") == Words{"x", " ", "123", "4"});
  CHECK(words("qwen2", "DON'T \n\n!") == Words{"DON", "'T", " \n\n", "!"});
}

TEST_CASE("PreTokenizer's words are the text, for any spaces", "[text]") {
  // U+180E is no White_Space: it stays with the signs around it.
  CHECK(words("gpt-2", "!\xE1\xA0\x8E!") == Words{"!\xE1\xA0\x8E!"});
  CHECK(words("gpt-2",
              "\xC2\xA0"
              "a\xE3\x80\x80") == Words{"\xC2\xA0", "a", "\xE3\x80\x80"});
  CHECK(words("gpt-2", "").empty());
}

TEST_CASE("PreTokenizer names an unknown name", "[text]") {
  const auto unknown = PreTokenizer::create("no-such");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Errc::kUnsupported);
  CHECK_THAT(unknown.error().message, Catch::Contains("'no-such'") && Catch::Contains("smollm"));
}

TEST_CASE("PreTokenizer knows every name it lists and loses no byte", "[text]") {
  const std::string text =
      "Hello, W\xC3\xB6rld's 12345 \t\n  caf\xC3\xA9!? \xF0\x9F\xA6\x99\r\n\r\n x  ";
  for (const std::string_view name : pre_tokenizer_names()) {
    std::string all;
    for (const std::string& word : words(name, text)) all += word;
    CHECK(all == text);
  }
}

TEST_CASE("PreTokenizer is linear in runs of one kind", "[text]") {
  const std::string run(std::size_t{1} << 20U, ' ');
  CHECK(words("qwen2", run).size() == 1);
  CHECK(words("gpt-2", run + "x").size() == 2);
}
