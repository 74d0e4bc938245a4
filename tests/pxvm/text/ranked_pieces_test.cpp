#include "pxvm/text/ranked_pieces.hpp"

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

Vocabulary pieces() {
  Vocabulary v;
  v.model = Vocabulary::Model::kRankedPieces;
  v.tokens = {"<unk>",         "a",      "b",     "c", "\xE2\x96\x81", "bc", "ab",
              "b\xE2\x96\x81", "<0xC3>", "<0xA9>"};
  v.types.assign(v.tokens.size(), TokenType::kNormal);
  v.types[0] = TokenType::kUnknown;
  v.types[8] = v.types[9] = TokenType::kByte;
  v.merges = {"b c", "a b", "b \xE2\x96\x81"};
  v.unk = 0;
  return v;
}

std::vector<TokenId> encode(const Vocabulary& v, std::string_view text, bool prefix = false) {
  const auto model = RankedPiecesModel::create(v);
  REQUIRE(model);
  std::vector<TokenId> out;
  REQUIRE(model->encode(text, prefix, out));
  return out;
}

}  // namespace

TEST_CASE("ranked pieces join the best rank first, wherever it stands", "[text]") {
  CHECK(encode(pieces(), "abc") == std::vector<TokenId>{1, 5});
  CHECK(encode(pieces(), "aab") == std::vector<TokenId>{1, 6});
  CHECK(encode(pieces(), "c", true) == std::vector<TokenId>{4, 3});
}

TEST_CASE("ranked pieces go over a word's start unless words are split", "[text]") {
  Vocabulary v = pieces();
  CHECK(encode(v, "b c") == std::vector<TokenId>{7, 3});
  v.split_words = true;
  CHECK(encode(v, "b c") == std::vector<TokenId>{2, 4, 3});
}

TEST_CASE("ranked pieces fall back to bytes, then to one unk a run", "[text]") {
  CHECK(encode(pieces(), "\xC3\xA9xya") == std::vector<TokenId>{8, 9, 0, 1});
}

TEST_CASE("ranked pieces refuse a merge of what is no token", "[text]") {
  Vocabulary v = pieces();
  v.merges.emplace_back("c c");
  const auto model = RankedPiecesModel::create(v);
  REQUIRE_FALSE(model);
  CHECK(model.error().message.find("\"c c\"") != std::string::npos);
}
