#include "pxvm/text/vocabulary.hpp"

#include "pxvm/base/hash.hpp"
#include "tests/pxvm/text/gguf_vocabulary.hpp"
#include "tests/support/mutate.hpp"

#include <limits>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text;

namespace {

ByteVector entry_of(const Vocabulary& vocabulary) {
  auto entry = serialize(vocabulary);
  REQUIRE(entry);
  return *entry;
}

/// The entry with a hash that fits, so that damage reaches the parser behind the hash.
ByteVector rehashed(ByteVector entry) {
  if (entry.size() < 8) return entry;
  entry.resize(entry.size() - 8);
  ByteWriter hash;
  hash.u64(xxh3_64(entry));
  entry.insert(entry.end(), hash.view().begin(), hash.view().end());
  return entry;
}

}  // namespace

TEST_CASE("a vocabulary comes back from its entry as it was", "[text]") {
  for (const Vocabulary& vocabulary :
       {test::small_spm(true), test::small_spm(false), test::small_bpe()}) {
    const auto back = parse_vocabulary(entry_of(vocabulary));
    REQUIRE(back);
    CHECK((*back == vocabulary));
  }
}

TEST_CASE("the entry's bytes are frozen", "[text]") {
  Vocabulary v;
  v.model = Vocabulary::Model::kSpm;
  v.tokens = {"a", "bc"};
  v.types = {TokenType::kNormal, TokenType::kControl};
  v.scores = {1.0F, -2.0F};
  v.eos = 1;
  v.add_space_prefix = true;
  const ByteVector entry = entry_of(v);
  const ByteVector expected = {
      'P', 'X', 'T', 'K',  1,    0,    0,    0,    1,    0x0C, 0,    0,    0xFF, 0xFF, 0xFF, 0xFF,
      1,   0,   0,   0,    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
      0,   0,   0,   0,    2,    0,    0,    0,    1,    0,    'a',  2,    0,    'b',  'c',  1,
      3,   0,   0,   0x80, 0x3F, 0,    0,    0,    0xC0, 0,    0,    0,    0};
  REQUIRE(entry.size() == expected.size() + 8);
  CHECK(ByteVector(entry.begin(), entry.end() - 8) == expected);
}

TEST_CASE("parse_vocabulary rejects every truncated prefix", "[text]") {
  std::size_t accepted = 0;
  test::for_each_truncation(entry_of(test::small_spm(false)), [&](Bytes prefix) {
    if (parse_vocabulary(prefix)) ++accepted;
  });
  CHECK(accepted == 0);
}

TEST_CASE("parse_vocabulary finds every flipped bit", "[text]") {
  const ByteVector entry = entry_of(test::small_spm(false));
  std::size_t accepted = 0;
  for (std::uint64_t bit = 0; bit < entry.size() * 8; ++bit) {
    if (parse_vocabulary(test::flip_bit(entry, bit))) ++accepted;
  }
  CHECK(accepted == 0);
}

TEST_CASE("parse_vocabulary survives damage under a hash that fits", "[text]") {
  const ByteVector entry = entry_of(test::small_spm(false));
  std::size_t valid = 0;
  for (std::uint64_t number = 0; number < 3000; ++number) {
    const auto parsed = parse_vocabulary(rehashed(test::mutate(entry, number)));
    if (parsed && validate(*parsed)) ++valid;
  }
  for (std::uint64_t bit = 0; bit < entry.size() * 8; ++bit) {
    const auto parsed = parse_vocabulary(rehashed(test::flip_bit(entry, bit)));
    if (parsed && validate(*parsed)) ++valid;
  }
  CHECK(valid > 0);  // some damage only changes letters
}

TEST_CASE("parse_vocabulary names a bad magic, version and extra bytes", "[text]") {
  const ByteVector entry = entry_of(test::small_bpe());
  ByteVector changed = entry;
  changed[0] = 'Q';
  CHECK_THAT(parse_vocabulary(changed).error().message, Catch::Contains("bad magic"));
  changed = entry;
  changed[4] = 9;
  CHECK(parse_vocabulary(changed).error().code == Errc::kUnsupported);
  changed = entry;
  changed.insert(changed.end() - 8, 0);
  CHECK_THAT(parse_vocabulary(rehashed(changed)).error().message, Catch::Contains("1 extra bytes"));
}

TEST_CASE("validate names the array and the index", "[text]") {
  const auto message = [](auto change) {
    Vocabulary v = test::small_spm(true);
    change(v);
    const auto valid = validate(v);
    REQUIRE_FALSE(valid);
    return valid.error().message;
  };
  using Catch::Contains;
  CHECK_THAT(message([](Vocabulary& v) { v.types.pop_back(); }), Contains("types"));
  CHECK_THAT(message([](Vocabulary& v) { v.scores.clear(); }), Contains("0 scores"));
  CHECK_THAT(message([](Vocabulary& v) { v.scores[3] = std::numeric_limits<float>::quiet_NaN(); }),
             Contains("token 3"));
  CHECK_THAT(message([](Vocabulary& v) { v.bos = 100000; }), Contains("bos is token 100000"));
  CHECK_THAT(message([](Vocabulary& v) { v.tokens[5] = "<0x2>"; }), Contains("byte token 5"));
  CHECK_THAT(message([](Vocabulary& v) { v.merges = {"ab"}; }), Contains("merge 0"));
  CHECK_THAT(message([](Vocabulary& v) { v.types[1] = static_cast<TokenType>(7); }),
             Contains("type 7"));
  CHECK_THAT(message([](Vocabulary& v) { v.bos.reset(); }), Contains("add_bos"));
}
