#pragma once
// The SPM model's core: normalised text to token ids. Keeps the vocabulary it is made with
// (reference) and is immutable.

#include "pxvm/text/merge_pieces.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <array>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::text {

/// The lower one eighth block that stands for a space in SPM pieces.
inline constexpr std::string_view kSpmSpace = "\xE2\x96\x81";

/// The byte of a token "<0xHH>". Requires: that spelling, as validate() checks it.
[[nodiscard]] std::uint8_t byte_token_value(std::string_view spelling);

/// Spaces as U+2581, with one in front if `prefix`. `collapse`: runs of spaces become one, and none
/// stays at either end before the prefix goes in front.
[[nodiscard]] std::string escape_spaces(std::string_view utf8, bool prefix, bool collapse = false);

class SpmModel {
 public:
  explicit SpmModel(const Vocabulary& vocabulary);

  /// Appends the tokens of `utf8` (valid, no special tokens in it) to `out`; `prefix` puts a space
  /// in front first. Errors: kInvalid when a character has no token, no bytes and no unk.
  Result<void> encode(std::string_view utf8, bool prefix, std::vector<TokenId>& out) const;

 private:
  [[nodiscard]] std::uint32_t find_piece(std::string_view text, const Piece& piece) const;
  Result<void> emit(std::string_view text, const PieceMerger& merger,
                    std::vector<TokenId>& out) const;
  Result<void> append_fallback(std::string_view character, std::vector<TokenId>& out) const;

  const Vocabulary* vocabulary_;
  std::unordered_map<std::string_view, TokenId> pieces_;  ///< what merging may produce
  std::size_t longest_piece_ = 0;
  std::array<TokenId, 256> byte_tokens_{};  ///< -1 = none
};

}  // namespace pxos::text
