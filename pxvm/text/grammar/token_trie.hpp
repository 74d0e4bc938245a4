#pragma once
// The bytes of a vocabulary's tokens as a tree in depth-first order, so that all tokens a grammar
// allows are found in one walk that skips what cannot begin. Immutable; thread-safe.

#include "pxvm/text/tokenizer.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace pxos::text {

class TokenTrie {
 public:
  struct Node {
    std::uint32_t skip = 0;         ///< first node that is not below this one
    std::uint32_t first_token = 0;  ///< into tokens(); those that end here
    std::uint32_t last_token = 0;   ///< one past them
    std::uint16_t depth = 0;        ///< bytes from the root, which is no node: 1 and up
    std::uint8_t byte = 0;
  };

  /// Tokens without text (control tokens among them) are left out, and so are those above 65 535
  /// bytes.
  explicit TokenTrie(const Tokenizer& tokenizer);

  [[nodiscard]] std::span<const Node> nodes() const { return nodes_; }
  [[nodiscard]] std::span<const TokenId> tokens() const { return tokens_; }
  /// Ids that end a generation.
  [[nodiscard]] std::span<const TokenId> ends() const { return ends_; }
  [[nodiscard]] std::size_t vocabulary_size() const { return vocabulary_size_; }
  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  std::vector<Node> nodes_;
  std::vector<TokenId> tokens_;  ///< in the order of their bytes
  std::vector<TokenId> ends_;
  std::size_t vocabulary_size_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace pxos::text
