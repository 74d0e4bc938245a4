#pragma once
// Follows a text through a grammar, byte by byte, and says which tokens may come next. What can be
// open at a place is a set of stacks; stacks share their tails, sets are made once and numbered,
// and steps between them are remembered, so that a known situation costs a table look-up a byte.
// Keeps references to the grammar and the trie. Not thread-safe.

#include "pxvm/text/grammar/grammar.hpp"
#include "pxvm/text/grammar/token_trie.hpp"
#include "pxvm/text/sampler.hpp"

#include <array>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::text {

class GrammarMatcher {
 public:
  /// Stacks open at once; grammars that need more are ambiguous beyond use.
  static constexpr std::size_t kMaxStacks = 4096;
  /// Depth of rules inside rules.
  static constexpr std::size_t kMaxDepth = 10000;

  /// At the start of a text. Errors: kLimit as below.
  static Result<GrammarMatcher> create(const Grammar& grammar, const TokenTrie& trie);

  /// Tokens whose bytes the grammar allows now; the ends of generation where a text may end. Valid
  /// until the next call. Errors: kLimit when the grammar is too ambiguous or nests too deeply;
  /// kInvalid when no token of the vocabulary can go on.
  Result<TokenMask> mask();

  /// Goes on by `bytes`. Errors: kInvalid when the grammar does not allow them (nothing changes);
  /// kLimit.
  Result<void> accept(std::string_view bytes);

  /// Whether the text so far is a whole one.
  [[nodiscard]] bool is_complete() const;

 private:
  using StackId = std::uint32_t;  ///< 0 = empty stack: the text may end
  using StateId = std::uint32_t;  ///< 0 = no stack at all: nothing fits
  static constexpr StateId kDead = 0;
  static constexpr StateId kUnknown = 0xFFFFFFFF;

  /// A symbol still to be matched and what comes after it.
  struct Stack {
    std::uint32_t element = 0;
    StackId below = 0;
    std::uint32_t depth = 0;
  };
  struct State {
    std::vector<StackId> stacks;  ///< ascending; the top of each is bytes, or it is stack 0
    std::unique_ptr<std::array<StateId, 256>> next;
    std::vector<std::uint64_t> mask;  ///< empty = not computed
  };

  GrammarMatcher(const Grammar& grammar, const TokenTrie& trie);
  Result<StateId> start();
  StackId push(std::uint32_t element, StackId below);
  Result<StateId> close(std::vector<StackId> open);
  Result<StateId> step(StateId state, std::uint8_t byte);
  Result<void> compute_mask(StateId state);
  Result<void> forget();

  const Grammar* grammar_;
  const TokenTrie* trie_;
  std::vector<Stack> stacks_;
  std::unordered_map<std::uint64_t, StackId> stack_ids_;
  std::vector<State> states_;
  std::map<std::vector<StackId>, StateId> state_ids_;
  std::vector<std::uint32_t> seen_in_;  ///< by stack: the round of close() that saw it last
  std::uint32_t round_ = 0;
  StateId now_ = kDead;
};

}  // namespace pxos::text
