#include "pxvm/text/bpe.hpp"

#include "tests/pxvm/text/gguf_vocabulary.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text;

namespace {

std::vector<std::string> pieces(const Vocabulary& v, std::string_view text) {
  const auto model = BpeModel::create(v);
  REQUIRE(model);
  std::vector<TokenId> ids;
  REQUIRE(model->encode(text, ids));
  std::vector<std::string> out;
  for (const TokenId id : ids) out.push_back(v.tokens[static_cast<std::size_t>(id)]);
  return out;
}

using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("the byte alphabet is a bijection of printable characters", "[text]") {
  std::set<char32_t> letters;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t letter = byte_to_letter(static_cast<std::uint8_t>(byte));
    CHECK(letter_to_byte(letter) == static_cast<std::uint8_t>(byte));
    letters.insert(letter);
  }
  CHECK(letters.size() == 256);
  CHECK(byte_to_letter(' ') == 0x120);
  CHECK(byte_to_letter('\n') == 0x10A);
  CHECK(byte_to_letter(0xAD) == 0x143);
  CHECK_FALSE(letter_to_byte(U' ').has_value());
  CHECK_FALSE(letter_to_byte(0x144).has_value());
}

TEST_CASE("BpeModel joins by rank inside words", "[text]") {
  const Vocabulary v = test::small_bpe();
  CHECK(pieces(v, "hello") == Pieces{"hello"});
  CHECK(pieces(v, "hell o") == Pieces{"hell", "\xC4\xA0", "o"});
  CHECK(pieces(v, "a w") == Pieces{"a", "\xC4\xA0w"});
  CHECK(pieces(v, "\xC3\xA9") == Pieces{"\xC3\x83", "\xC2\xA9"});
}

TEST_CASE("BpeModel spells a merge result that is no token in bytes", "[text]") {
  Vocabulary v = test::small_bpe();
  v.merges.push_back("x y");
  v.merges.push_back("xy z");
  CHECK(pieces(v, "xyz") == Pieces{"x", "y", "z"});
}

TEST_CASE("BpeModel without a byte's token uses unk or says so", "[text]") {
  Vocabulary v = test::small_bpe();
  v.types['q'] =
      TokenType::kUnused;  // bytes from 0x21 on: index = byte value in the test vocabulary
  const auto model = BpeModel::create(v);
  REQUIRE(model);
  std::vector<TokenId> ids;
  const auto failed = model->encode("q", ids);
  REQUIRE_FALSE(failed);
  CHECK_THAT(failed.error().message, Catch::Contains("0x71"));
  v.unk = 0;
  CHECK(pieces(v, "q") == Pieces{v.tokens[0]});
}

TEST_CASE("BpeModel takes a whole word first where the family does", "[text]") {
  Vocabulary v = test::small_bpe();
  v.tokens.push_back("abc");
  v.types.push_back(TokenType::kNormal);
  CHECK(pieces(v, "abc") == Pieces{"a", "b", "c"});
  v.pre = "llama-bpe";
  CHECK(pieces(v, "abc") == Pieces{"abc"});
}

TEST_CASE("MergeTable keeps the first rule of a pair", "[text]") {
  MergeTable table(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) table.insert(i, i * 7, {i, i});
  table.insert(5, 35, {999, 999});
  REQUIRE(table.find(5, 35) != nullptr);
  CHECK(table.find(5, 35)->rank == 5);
  CHECK(table.find(999, 6993)->symbol == 999);
  CHECK(table.find(5, 36) == nullptr);
}
