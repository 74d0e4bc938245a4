#include "pxvm/text/unigram.hpp"

#include <cmath>
#include <functional>
#include <string>

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

Vocabulary pieces() {
  Vocabulary v;
  v.model = Vocabulary::Model::kUnigram;
  v.tokens = {"<unk>", "a", "b", "ab", "aab", "ba", "\xE2\x96\x81"};
  v.scores = {0, -2.0F, -2.5F, -3.0F, -5.5F, -3.2F, -1.0F};
  v.types.assign(v.tokens.size(), TokenType::kNormal);
  v.types[0] = TokenType::kUnknown;
  v.unk = 0;
  return v;
}

/// The best sum over every cut, by trying all of them.
double best_by_search(const Vocabulary& v, std::string_view text) {
  if (text.empty()) return 0;
  double best = -1e300;
  for (std::size_t i = 1; i < v.tokens.size(); ++i) {
    if (!text.starts_with(v.tokens[i])) continue;
    best = std::max(best, static_cast<double>(v.scores[i]) +
                              best_by_search(v, text.substr(v.tokens[i].size())));
  }
  return best;
}

}  // namespace

TEST_CASE("unigram finds the best cut of every short text", "[text]") {
  const Vocabulary v = pieces();
  const auto model = UnigramModel::create(v);
  REQUIRE(model);
  for (unsigned bits = 0; bits < 512; ++bits) {
    std::string text;
    for (unsigned i = 0; i < 9; ++i) text += ((bits >> i) & 1U) != 0 ? 'a' : 'b';
    std::vector<TokenId> ids;
    REQUIRE(model->encode(text, false, ids));
    double sum = 0;
    std::string back;
    for (const TokenId id : ids) {
      sum += static_cast<double>(v.scores[static_cast<std::size_t>(id)]);
      back += v.tokens[static_cast<std::size_t>(id)];
    }
    CHECK(back == text);
    CHECK(std::fabs(sum - best_by_search(v, text)) < 1e-9);
  }
}

TEST_CASE("unigram makes one unk of a run of unknown characters", "[text]") {
  const Vocabulary v = pieces();
  const auto model = UnigramModel::create(v);
  REQUIRE(model);
  std::vector<TokenId> ids;
  REQUIRE(model->encode("axyzb", false, ids));
  CHECK(ids == std::vector<TokenId>{1, 0, 2});
}

TEST_CASE("unigram refuses a piece that would make texts slow", "[text]") {
  Vocabulary v = pieces();
  v.tokens[1] = std::string(300, 'a');
  CHECK_FALSE(UnigramModel::create(v));
}
