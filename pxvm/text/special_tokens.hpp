#pragma once
// Finds the tokens that are cut out of a text before it is tokenized. Immutable; thread-safe.

#include "pxvm/text/vocabulary.hpp"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::text {

/// A special token found in a text, or the plain text between two.
struct Fragment {
  std::string_view text;
  std::optional<TokenId> token;
};

class SpecialTokens {
 public:
  /// Longest spelling that is looked for: bounds the work for each byte of a text.
  static constexpr std::size_t kMaxBytes = 256;

  /// Errors: kLimit for a user-defined, control or unknown token above kMaxBytes.
  static Result<SpecialTokens> create(const Vocabulary& vocabulary);

  /// `text` cut at the leftmost, there the longest, user-defined token; at control tokens and the
  /// unknown token too if `control`. Tokens of strip_left and strip_right swallow the white space
  /// beside them. Fragments are in order, not empty, and borrow `text`.
  [[nodiscard]] std::vector<Fragment> split(std::string_view text, bool control) const;

 private:
  struct Match {
    TokenId token = 0;
    std::size_t length = 0;  ///< 0 = none
  };
  struct Node {
    TokenId plain = -1;    ///< user-defined token that ends here
    TokenId control = -1;  ///< control or unknown token that ends here
  };
  SpecialTokens() = default;
  void insert(std::string_view spelling, TokenId id, bool control);
  [[nodiscard]] Match longest_at(std::string_view text, bool control) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::unordered_map<std::uint64_t, std::uint32_t> children_;  ///< (node << 8 | byte) to node
  std::vector<TokenId> strip_left_, strip_right_;              ///< as in the vocabulary
  std::vector<bool> starts_ = std::vector<bool>(256);          ///< bytes a spelling can begin with
};

}  // namespace pxos::text
