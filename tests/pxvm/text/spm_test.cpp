#include "pxvm/text/spm.hpp"

#include "tests/pxvm/text/gguf_vocabulary.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text;

namespace {

std::vector<std::string> pieces(const Vocabulary& v, std::string_view text, bool prefix = false) {
  std::vector<TokenId> ids;
  REQUIRE(SpmModel(v).encode(text, prefix, ids));
  std::vector<std::string> out;
  for (const TokenId id : ids) out.push_back(v.tokens[static_cast<std::size_t>(id)]);
  return out;
}

using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("SpmModel joins pieces by score", "[text]") {
  const Vocabulary v = test::small_spm(true);
  CHECK(pieces(v, "hello", true) == Pieces{"\xE2\x96\x81hello"});
  CHECK(pieces(v, "hello") == Pieces{"hello"});
  CHECK(pieces(v, "hellll") == Pieces{"he", "ll", "ll"});
  CHECK(pieces(v, "").empty());
  // With the score of "llo" above that of "ll", nothing changes: "ll" is needed to make it.
  Vocabulary changed = v;
  const auto ll = std::find(v.tokens.begin(), v.tokens.end(), "ll") - v.tokens.begin();
  changed.scores[static_cast<std::size_t>(ll)] = -50;
  CHECK(pieces(changed, "hello") == Pieces{"hello"});
}

TEST_CASE("SpmModel spells unknown characters in bytes", "[text]") {
  CHECK(pieces(test::small_spm(true), "h\xC3\xA9") == Pieces{"h", "<0xC3>", "<0xA9>"});
}

TEST_CASE("SpmModel maps a run of unknown characters to one unk without byte tokens", "[text]") {
  Vocabulary v = test::small_spm(false);
  CHECK(pieces(v,
               "h\xC3\xA9\xE2\x82\xAC"
               "e\xC3\xA9") == Pieces{"h", "<unk>", "e", "<unk>"});
  v.unk.reset();
  std::vector<TokenId> ids;
  const auto failed = SpmModel(v).encode("\xC3\xA9", false, ids);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Errc::kInvalid);
}

TEST_CASE("SpmModel never makes control or byte tokens of plain text", "[text]") {
  Vocabulary v = test::small_spm(true);
  for (const char* letter : {"<", "s", ">", "<s"}) {
    v.tokens.push_back(letter);
    v.types.push_back(TokenType::kNormal);
    v.scores.push_back(-1);
  }
  CHECK(pieces(v, "<s>") == Pieces{"<s", ">"});
}

TEST_CASE("byte_token_value reads both hexadecimal cases", "[text]") {
  CHECK(byte_token_value("<0x0A>") == 10);
  CHECK(byte_token_value("<0xff>") == 255);
}
