#pragma once
// The BPE model's core: text to token ids by ranked merges over GPT-2's byte alphabet. Keeps the
// vocabulary it is made with (reference) and is immutable.

#include "pxvm/text/merge_pieces.hpp"
#include "pxvm/text/pre_tokenizer.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::text {

/// GPT-2's byte alphabet: a printable character for each byte, so that any bytes can be spelled.
[[nodiscard]] char32_t byte_to_letter(std::uint8_t byte);
[[nodiscard]] std::optional<std::uint8_t> letter_to_byte(char32_t letter);

/// Merge rules by pair of symbols: open addressing, load at most one half.
class MergeTable {
 public:
  struct Rule {
    std::uint32_t rank = 0;
    std::uint32_t symbol = 0;
  };
  explicit MergeTable(std::size_t rules);
  /// The first rule for a pair stays.
  void insert(std::uint32_t left, std::uint32_t right, Rule rule);
  [[nodiscard]] const Rule* find(std::uint32_t left, std::uint32_t right) const;

 private:
  struct Slot {
    std::uint64_t key = kEmpty;
    Rule rule;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  [[nodiscard]] std::size_t probe(std::uint64_t key) const;
  std::vector<Slot> slots_;
};

class BpeModel {
 public:
  /// Errors: kUnsupported for an unknown pre-tokenizer name.
  static Result<BpeModel> create(const Vocabulary& vocabulary);

  /// Appends the tokens of `utf8` (valid, no special tokens in it) to `out`.
  /// Errors: kInvalid when a byte has no token and there is no unk.
  Result<void> encode(std::string_view utf8, std::vector<TokenId>& out) const;

 private:
  BpeModel(const Vocabulary& vocabulary, PreTokenizer pre_tokenizer);
  std::uint32_t intern(std::string_view spelling);
  std::uint32_t intern_owned(std::string spelling);
  Result<void> encode_word(std::string_view word, PieceMerger& merger,
                           std::vector<TokenId>& out) const;
  Result<void> append_symbol(std::uint32_t symbol, std::string_view bytes,
                             std::vector<TokenId>& out) const;

  const Vocabulary* vocabulary_;
  PreTokenizer pre_tokenizer_;
  // A symbol is anything a merge reads or makes; most of them are tokens.
  std::unordered_map<std::string_view, std::uint32_t> symbols_;
  std::deque<std::string> owned_;  ///< spellings that no token holds; addresses are stable
  std::vector<TokenId> tokens_;    ///< of each symbol; -1 = none
  std::array<std::uint32_t, 256> byte_symbols_{};
  MergeTable merges_;
};

}  // namespace pxos::text
