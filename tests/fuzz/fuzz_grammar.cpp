// Grammars: any text is read or refused, and what is read follows a text without surprises.

#include "pxvm/text/grammar/matcher.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace text = pxos::text;
  const std::string_view input = pxos::as_text(pxos::Bytes(data, size));
  const auto grammar = text::Grammar::parse(input);
  if (!grammar) return 0;
  text::Vocabulary vocabulary;
  for (const char* token : {"a", "b", "ab", "\"", "1", "[", " ", "\xC3\xA9", "xyz"}) {
    vocabulary.tokens.emplace_back(token);
    vocabulary.scores.push_back(0);
    vocabulary.types.push_back(text::TokenType::kNormal);
  }
  const auto tokenizer = text::Tokenizer::create(std::move(vocabulary));
  PX_ASSERT(tokenizer);
  const text::TokenTrie trie(*tokenizer);
  auto matcher = text::GrammarMatcher::create(*grammar, trie);
  if (!matcher) return 0;
  // The first allowed token, a few times: what the mask allows must be accepted.
  for (int step = 0; step < 20; ++step) {
    const auto mask = matcher->mask();
    if (!mask) return 0;
    text::TokenId chosen = 0;
    while (chosen < tokenizer->size() && (((*mask)[0] >> static_cast<unsigned>(chosen)) & 1U) == 0)
      ++chosen;
    if (chosen == tokenizer->size()) return 0;
    PX_ASSERT(matcher->accept(tokenizer->piece(chosen)));
  }
  return 0;
}
