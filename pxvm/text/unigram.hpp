#pragma once
// The unigram model's core (SentencePiece): the cut of a text whose pieces have the greatest sum of
// scores. A character without a piece counts as unk with the lowest score less ten. Keeps the
// vocabulary it is made with (reference) and is immutable.

#include "pxvm/text/charsmap.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::text {

class UnigramModel {
 public:
  /// Longest piece: a text costs at most this many steps a byte.
  static constexpr std::size_t kMaxPieceBytes = 256;

  /// Errors: kLimit for a longer piece; those of Charsmap::parse.
  static Result<UnigramModel> create(const Vocabulary& vocabulary);

  /// Appends the tokens of `utf8` (valid, no special tokens in it); `prefix` puts a space in
  /// front first. Errors: kInvalid when a character has no piece, no bytes and there is no unk.
  Result<void> encode(std::string_view utf8, bool prefix, std::vector<TokenId>& out) const;

 private:
  /// The best way to one byte offset.
  struct Step {
    double score = 0;
    std::uint32_t from = 0;
    TokenId token = -1;  ///< -1 = not reached
  };
  static constexpr TokenId kUnknown = -2;
  explicit UnigramModel(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {}
  void insert(std::string_view piece, TokenId id);
  void advance(std::string_view text, std::size_t at, std::vector<Step>& steps) const;
  Result<void> emit(std::string_view text, const std::vector<Step>& steps,
                    std::vector<TokenId>& out) const;
  Result<void> append_unknown(std::string_view text, std::vector<TokenId>& out) const;

  const Vocabulary* vocabulary_;
  std::optional<Charsmap> charsmap_;
  double unknown_score_ = 0;
  std::vector<TokenId> nodes_ = {-1};  ///< trie: the token that ends at a node
  std::unordered_map<std::uint64_t, std::uint32_t> children_;  ///< (node << 8 | byte) to node
  std::array<TokenId, 256> byte_tokens_{};                     ///< -1 = none
};

}  // namespace pxos::text
