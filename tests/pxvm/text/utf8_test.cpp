#include "pxvm/text/utf8.hpp"

#include <catch2/catch.hpp>

using namespace pxos::text;

TEST_CASE("append_utf8 and utf8_step are inverse for every scalar value", "[text]") {
  std::size_t wrong = 0;
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string bytes;
    append_utf8(bytes, code);
    const Utf8Step step = utf8_step(bytes);
    if (step.kind != Utf8Step::Kind::kCharacter || step.code != code || step.length != bytes.size())
      ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("is_utf8 refuses overlong forms, surrogates and codes that are too large", "[text]") {
  CHECK(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\x99"));
  CHECK(is_utf8(""));
  for (const char* bytes :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\x80", "\xC3", "\xE2\x82"}) {
    CHECK_FALSE(is_utf8(bytes));
  }
}

TEST_CASE("to_valid_utf8 replaces each maximal invalid part once", "[text]") {
  const std::string mark = "\xEF\xBF\xBD";
  // The examples of the Unicode standard, section 3.9, table 3-8 and its truncations.
  CHECK(to_valid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") ==
        mark + mark + mark + mark + mark + mark + mark + mark + "A");
  CHECK(to_valid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == mark + mark + mark + mark + "A");
  CHECK(to_valid_utf8("a\xE2\x82") == "a" + mark);
}

TEST_CASE("count_characters counts characters, not bytes", "[text]") {
  CHECK(count_characters("h\xC3\xA9llo \xF0\x9F\xA6\x99") == 7);
}
