#pragma once
// The published regular expressions that go with a vocabulary's `pre` name, in the spelling of the
// tokenizer.json files they come from. Data only.

#include <array>
#include <span>
#include <string_view>

namespace pxos::text {

// What the steps of a tokenizer.json without an expression of their own do.
inline constexpr std::string_view kGpt2Expression =  ///< ByteLevel
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kDigitExpression = R"(\p{N})";    ///< Digits, each
inline constexpr std::string_view kNumberExpression = R"(\p{N}+)";  ///< Digits
/// Digits behind ByteLevel, where the other numbers are bytes by then.
inline constexpr std::string_view kAsciiNumberExpression = R"([0-9]+)";
inline constexpr std::string_view kPunctuationExpression = R"([\p{P}$+<=>^~|`]+)";  ///< contiguous
/// Spaces at the end of a piece: published as \s+$; begun only where a run begins, it is linear.
inline constexpr std::string_view kSpacesAtEndExpression = R"((?<!\s)\s++\z)";

/// The expressions of a name, applied one after the other to the pieces the last one left.
struct PreTokenizerRecipe {
  static constexpr std::size_t kMaxExpressions = 6;
  std::string_view name;
  std::array<std::string_view, kMaxExpressions> expressions;  ///< unused ones are empty
  /// A word that is a token as a whole is taken without merging.
  bool whole_words_first = false;
};

/// Sorted by name.
[[nodiscard]] std::span<const PreTokenizerRecipe> pre_tokenizer_recipes();

}  // namespace pxos::text
