#pragma once
// Hugging Face's form of a SentencePiece BPE: characters (U+2581 for the space) joined by ranked
// merges; what is no token becomes its <0xHH> bytes or unk. Keeps the vocabulary it is made with
// (reference) and is immutable.

#include "pxvm/text/bpe.hpp"
#include "pxvm/text/merge_pieces.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <array>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::text {

class RankedPiecesModel {
 public:
  /// Errors: kInvalid naming the merge whose parts or result are no tokens.
  static Result<RankedPiecesModel> create(const Vocabulary& vocabulary);

  /// Appends the tokens of `utf8` (valid, no special tokens in it); `prefix` puts a space in
  /// front first. Errors: kInvalid when a character has no token, no bytes and there is no unk.
  Result<void> encode(std::string_view utf8, bool prefix, std::vector<TokenId>& out) const;

 private:
  explicit RankedPiecesModel(const Vocabulary& vocabulary);
  Result<void> encode_word(std::string_view word, PieceMerger& merger,
                           std::vector<TokenId>& out) const;
  Result<void> append_fallback(std::string_view character, bool after_unknown,
                               std::vector<TokenId>& out) const;

  const Vocabulary* vocabulary_;
  std::unordered_map<std::string_view, TokenId> pieces_;
  MergeTable merges_;
  std::array<TokenId, 256> byte_tokens_{};  ///< -1 = none
};

}  // namespace pxos::text
