#pragma once
// Cuts text into the words that byte-level BPE merges within, by the regular expressions that go
// with a vocabulary's `pre` name. The only place that includes PCRE2. Immutable; thread-safe.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::text {

/// Bytes [begin, end) of the text.
struct Word {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  friend bool operator==(const Word&, const Word&) = default;
};

class PreTokenizer {
 public:
  /// Errors: kUnsupported naming `name` and the names there are.
  static Result<PreTokenizer> create(std::string_view name);
  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  /// Words in order; together they are the whole text. Requires: valid UTF-8 below 4 GiB.
  /// Errors: kLimit when the expression engine gives up.
  Result<std::vector<Word>> split(std::string_view utf8) const;

  /// Whether a word that is a token as a whole is taken without merging (Llama 3 vocabularies).
  [[nodiscard]] bool whole_words_first() const;

 private:
  struct Impl;
  explicit PreTokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

/// The name whose expressions are exactly `expressions` in a tokenizer.json's spelling; where
/// several have them, one with the asked `whole_words_first` if there is one. None = unknown.
[[nodiscard]] std::optional<std::string_view> find_pre_tokenizer(
    std::span<const std::string> expressions, bool whole_words_first);

}  // namespace pxos::text
