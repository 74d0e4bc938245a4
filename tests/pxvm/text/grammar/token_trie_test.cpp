#include "pxvm/text/grammar/token_trie.hpp"

#include "tests/pxvm/text/gguf_vocabulary.hpp"

#include <map>
#include <string>

#include <catch2/catch.hpp>

using namespace pxos::text;

TEST_CASE("the trie holds every token's bytes once, and skips past its part", "[grammar]") {
  const auto tokenizer = Tokenizer::create(pxos::test::small_bpe());
  REQUIRE(tokenizer);
  const TokenTrie trie(*tokenizer);
  const auto nodes = trie.nodes();
  std::map<TokenId, std::string> found;
  std::string path;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    path.resize(nodes[i].depth - 1U);
    path.push_back(static_cast<char>(nodes[i].byte));
    for (std::uint32_t t = nodes[i].first_token; t < nodes[i].last_token; ++t)
      found[trie.tokens()[t]] = path;
    // What is skipped is deeper, and what comes after is not.
    for (std::size_t below = i + 1; below < nodes[i].skip; ++below)
      CHECK(nodes[below].depth > nodes[i].depth);
    if (nodes[i].skip < nodes.size()) CHECK(nodes[nodes[i].skip].depth <= nodes[i].depth);
  }
  for (TokenId id = 0; id < tokenizer->size(); ++id) {
    const std::string piece = tokenizer->piece(id);
    CHECK((found.count(id) == 1) == !piece.empty());
    if (!piece.empty()) CHECK(found[id] == piece);
  }
  CHECK(trie.longest() == 5);
  CHECK(std::vector<TokenId>(trie.ends().begin(), trie.ends().end()) ==
        std::vector<TokenId>{*tokenizer->vocabulary().eos});
}
