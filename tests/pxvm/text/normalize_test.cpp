#include "pxvm/text/normalize.hpp"

#include "pxvm/text/utf8.hpp"

#include <catch2/catch.hpp>

using pxos::text::CharacterClass;
using pxos::text::classify;
using pxos::text::Normalization;

namespace {

std::string normal(std::string_view text, Normalization form) {
  const auto out = pxos::text::normalize(text, form);
  REQUIRE(out);
  return *out;
}

}  // namespace

TEST_CASE("normalize composes, with and without compatibility", "[text]") {
  CHECK(normal("e\xCC\x81", Normalization::kNfc) == "\xC3\xA9");
  CHECK(normal("\xEF\xAC\x81", Normalization::kNfc) == "\xEF\xAC\x81");  // fi ligature
  CHECK(normal("\xEF\xAC\x81", Normalization::kNfkc) == "fi");
  CHECK(normal("e\xCC\x81", Normalization::kNone) == "e\xCC\x81");
  // Hangul composes by rule, not by table.
  CHECK(normal("\xE1\x84\x80\xE1\x85\xA1", Normalization::kNfc) == "\xEA\xB0\x80");
}

TEST_CASE("normalize orders marks by class, equal classes as they were", "[text]") {
  // dot below (220) goes before dot above (230); two marks of one class keep their order.
  CHECK(normal("q\xCC\x87\xCC\xA3", Normalization::kNfc) == "q\xCC\xA3\xCC\x87");
  CHECK(normal("q\xCC\x87\xCC\x88", Normalization::kNfc) == "q\xCC\x87\xCC\x88");
}

TEST_CASE("normalize takes a long run of unordered marks in its stride", "[text]") {
  std::string text = "a";
  for (int i = 0; i < 200000; ++i) text += i % 2 == 0 ? "\xCC\x87" : "\xCC\xA3";
  const std::string out = normal(text, Normalization::kNfc);
  CHECK(pxos::text::is_utf8(out));
  CHECK(out.size() >= text.size() - 4);
}

TEST_CASE("normalize for BERT drops controls, unifies spaces, strips accents", "[text]") {
  CHECK(normal("\tA\x01\xC3\x89\xE2\x80\xA8x\xEF\xBF\xBD", Normalization::kBertUncased) == " ae x");
  // U+0378 is assigned to nothing and stays; the private U+E000 goes.
  CHECK(normal("a\xCD\xB8\xEE\x80\x80", Normalization::kBertUncased) == "a\xCD\xB8");
  CHECK(normal("\tA\x01\xC3\x89", Normalization::kBertCased) == " A\xC3\x89");
}

TEST_CASE("classify parts punctuation and ideographs from words", "[text]") {
  CHECK(classify(U'$') == CharacterClass::kAlone);
  CHECK(classify(0x3002) == CharacterClass::kAlone);
  CHECK(classify(0x65E5) == CharacterClass::kAlone);
  CHECK(classify(0x3042) == CharacterClass::kWord);
  CHECK(classify(U'9') == CharacterClass::kWord);
  CHECK(classify(0xA0) == CharacterClass::kSpace);
}
