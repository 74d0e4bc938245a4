#include "pxvm/text/pre_tokenizer_recipes.hpp"

#include "pxvm/text/pre_tokenizer.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

using Words = std::vector<std::string>;

Words words(std::string_view name, std::string_view text) {
  const auto tokenizer = PreTokenizer::create(name);
  REQUIRE(tokenizer);
  const auto split = tokenizer->split(text);
  REQUIRE(split);
  Words out;
  for (const Word& word : *split) out.emplace_back(text.substr(word.begin, word.end - word.begin));
  return out;
}

}  // namespace

TEST_CASE("every recipe compiles and keeps the whole text", "[text]") {
  const std::string text =
      "I'LL pay $1,234.56 for it\xE2\x80\xA6\r\n\n  \xE6\x97\xA5\xE6\x9C\xAC "
      "caf\x65\xCC\x81s \xD9\xA1\xD9\xA2\xD9\xA3\xD9\xA4 (ok)?   5 ";
  for (const PreTokenizerRecipe& recipe : pre_tokenizer_recipes()) {
    std::string back;
    for (const std::string& word : words(recipe.name, text)) back += word;
    CHECK(back == text);
  }
}

TEST_CASE("recipes cut as their models do", "[text]") {
  CHECK(words("falcon", "x==1234 b") == Words{"x", "==", "123", "4", " b"});
  // Behind ByteLevel only ASCII digits are digits: one half is letters of its bytes.
  CHECK(words("falcon", "a 12 \xC2\xBD`") == Words{"a", " ", "12", " \xC2\xBD", "`"});
  CHECK(words("default", "a \xC2\xBD`") == Words{"a", " ", "\xC2\xBD", "`"});
  CHECK(words("chameleon", "IMGIMGABZ 12\t a-b") ==
        Words{"IMGIMGABZ", " ", "1", "2", "\t", " a", "-", "b"});
  CHECK(words("deepseek-coder", "a.b 12\n") == Words{"a", ".", "b", " ", "1", "2", "\n"});
  CHECK(words("deepseek-llm",
              "ab  \xE6\x97\xA5"
              "12  ") == Words{"ab", "  ", "\xE6\x97\xA5", "12", "  "});
  CHECK(words("deepseek-v3", "1234 (foo)bar") == Words{"123", "4", " (", "foo", ")bar"});
  CHECK(words("gpt-4o", "HelloWorld's CamelCase/\n") ==
        Words{"Hello", "World's", " Camel", "Case", "/\n"});
  CHECK(words("tekken", "ABCdef 12") == Words{"ABCdef", " ", "1", "2"});
  CHECK(words("bloom", "Hi, you! ok") == Words{"Hi", ",", " you", "!", " ok"});
  CHECK(words("viking", "a 12") == Words{"a", " ", "1", "2"});
  CHECK(words("bailingmoe", "it's  ok\n\n") == Words{"it", "'s", " ", " ok", "\n\n"});
  CHECK(words("seed-coder", "a?\n b") == Words{"a", "?", "\n", " b"});
  CHECK(words("qwen35", "e\xCC\x81t") == Words{"e\xCC\x81t"});
  CHECK(words("laguna", "a\n\nb") == Words{"a", "\n\n", "b"});
  CHECK(words("spark2_5", "it?\n\n1234") == Words{"it", "?", "\n", "\n", "1", "2", "3", "4"});
  CHECK(words("ufakzeka", "it's 12") == Words{"it", "'s", " ", "1", "2"});
  CHECK(words("youtu",
              "a\xE6\x97\xA5\xEF\xBC\x8C"
              "b") == Words{"a", "\xE6\x97\xA5", "\xEF\xBC\x8C", "b"});
  CHECK(words("exaone-moe", "so it is, 12") == Words{"so it is", ",", " ", "1", "2"});
  CHECK(words("jais-2", "a" + std::string(14, ' ') + "b") ==
        Words{"a", std::string(8, ' '), std::string(4, ' '), " ", " b"});
  CHECK(words("qwen2", "e\xCC\x81t") == Words{"e", "\xCC\x81t"});
}

TEST_CASE("recipes stay linear where the published expression is not", "[text]") {
  // A run of spaces that is not at the end, before what no earlier expression takes.
  const std::string text = std::string(200000, ' ') + "5";
  CHECK(words("deepseek-llm", text).size() == 2);
}

TEST_CASE("a recipe is found by its expressions", "[text]") {
  const std::vector<std::string> digits = {std::string(kDigitExpression),
                                           std::string(kGpt2Expression)};
  CHECK(find_pre_tokenizer(digits, false) == "codeshell");
  CHECK_FALSE(find_pre_tokenizer(std::vector<std::string>{"x"}, false));
  CHECK_FALSE(find_pre_tokenizer({}, false));
}
