#pragma once
// The WordPiece model's core: words cut at spaces, punctuation and ideographs; in each word the
// longest piece from the left, and again for the rest. A piece that starts a word is spelled with
// U+2581 in front. Keeps the vocabulary it is made with (reference) and is immutable.

#include "pxvm/text/vocabulary.hpp"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::text {

class WordPieceModel {
 public:
  /// Longer words are unknown as a whole, as BERT's own tokenizer has it; bounds the work.
  static constexpr std::size_t kMaxWordCharacters = 100;

  explicit WordPieceModel(const Vocabulary& vocabulary);

  /// Appends the tokens of `utf8` (valid, normalised) to `out`. A word that cannot be spelled is
  /// one unk. Errors: kInvalid for such a word when there is no unk.
  Result<void> encode(std::string_view utf8, std::vector<TokenId>& out) const;

 private:
  Result<void> encode_word(std::string_view word, std::vector<TokenId>& out) const;
  [[nodiscard]] TokenId longest(std::string_view text, std::size_t& length) const;

  const Vocabulary* vocabulary_;
  std::unordered_map<std::string_view, TokenId> pieces_;
};

}  // namespace pxos::text
