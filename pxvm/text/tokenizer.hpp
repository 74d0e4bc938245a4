#pragma once
// Text to token ids and back. The models:
//   SPM  the text, spaces as U+2581, starts as single characters; the adjacent pair whose joined
//        piece has the highest score (ties: leftmost) is joined until none is left; what is no
//        piece becomes its <0xHH> bytes, or unk where the vocabulary has no byte tokens.
//   BPE  a regular expression named by `pre` cuts the text into words; in each word, spelled in
//        GPT-2's byte alphabet, the adjacent pair of lowest merge rank (ties: leftmost) is joined
//        until none is left.
//   ranked pieces  BPE's merges over SPM's characters, with SPM's bytes and unk.
//   unigram        the cut with the greatest sum of scores (SentencePiece).
//   WordPiece      in each word the longest piece first (BERT).
// Text is normalised first where the vocabulary says so. All cost at most O(n log n). A Tokenizer
// is immutable: any number of threads may use one.

#include "pxvm/text/vocabulary.hpp"

#include <memory>
#include <span>

namespace pxos::text {

struct EncodeOptions {
  bool add_special = true;     ///< bos and eos where the vocabulary asks for them
  bool parse_special = false;  ///< control tokens spelled in the text become themselves; only for
                               ///< trusted text such as a rendered chat template
};

struct DecodeOptions {
  bool show_control = false;  ///< spell control tokens instead of leaving them out
  bool strip_prefix = true;   ///< SPM: drop the space that encode put in front
};

class Tokenizer {
 public:
  /// Errors: those of validate(); kUnsupported names a pre-tokenizer this build does not know.
  static Result<Tokenizer> create(Vocabulary vocabulary);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Token ids of `utf8`; bytes that are not UTF-8 count as U+FFFD. User-defined tokens (and
  /// control tokens with parse_special) are cut out first, the longest one at the leftmost place.
  /// Errors: kLimit above 64 MiB of text; kInvalid for text that the vocabulary can
  /// spell neither in tokens nor as unk.
  Result<std::vector<TokenId>> encode(std::string_view utf8, EncodeOptions options = {}) const;

  /// The bytes token `id` stands for; a token may hold a part of a character only. Empty for
  /// control tokens unless asked, and for ids outside the vocabulary.
  [[nodiscard]] std::string piece(TokenId id, bool show_control = false) const;

  /// The text of `ids`, always valid UTF-8 (see Utf8Stream).
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, DecodeOptions options = {}) const;

  /// Whether generation stops at `id`: eos, eot, and control tokens with a spelling that is known
  /// to end a turn or a text ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", ...).
  [[nodiscard]] bool is_end_of_generation(TokenId id) const;
  [[nodiscard]] bool is_control(TokenId id) const;

  /// The token spelled exactly `spelling` (lowest id), in the vocabulary's own spelling.
  [[nodiscard]] std::optional<TokenId> find(std::string_view spelling) const;
  [[nodiscard]] TokenId size() const;
  [[nodiscard]] const Vocabulary& vocabulary() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

/// Names create() accepts as `pre`, sorted.
[[nodiscard]] std::vector<std::string_view> pre_tokenizer_names();

}  // namespace pxos::text
