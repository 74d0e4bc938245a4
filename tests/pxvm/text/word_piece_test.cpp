#include "pxvm/text/word_piece.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

Vocabulary words(bool unk) {
  Vocabulary v;
  v.model = Vocabulary::Model::kWordPiece;
  v.tokens = {"[UNK]", "\xE2\x96\x81go", "ing", "in", "g", "\xE2\x96\x81!", "\xE2\x96\x81"};
  v.types.assign(v.tokens.size(), TokenType::kNormal);
  v.types[0] = TokenType::kUnknown;
  if (unk) v.unk = 0;
  return v;
}

std::vector<TokenId> encode(const Vocabulary& v, std::string_view text) {
  std::vector<TokenId> out;
  REQUIRE(WordPieceModel(v).encode(text, out));
  return out;
}

}  // namespace

TEST_CASE("WordPiece takes the longest piece, then the longest of the rest", "[text]") {
  const Vocabulary v = words(true);
  CHECK(encode(v, "going  go!go") == std::vector<TokenId>{1, 2, 1, 5, 1});
  CHECK(encode(v, "") == std::vector<TokenId>{});
}

TEST_CASE("WordPiece gives one unk for a word that it cannot finish", "[text]") {
  const Vocabulary v = words(true);
  CHECK(encode(v, "gox go") == std::vector<TokenId>{0, 1});
  CHECK(encode(v, "go" + std::string(200, 'g')) == std::vector<TokenId>{0});
}

TEST_CASE("WordPiece without unk says which word", "[text]") {
  const Vocabulary v = words(false);
  std::vector<TokenId> out;
  CHECK_FALSE(WordPieceModel(v).encode("gox", out));
}
