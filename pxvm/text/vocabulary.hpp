#pragma once
// A tokenizer's vocabulary as plain data, and the binary entry a cartridge stores it in. Importers
// fill it from a model file; Tokenizer::create makes it usable. Plain values: no thread rule.
//
// The entry, little-endian:
//   0  magic "PXTK"   4  u32 version = 1 or 2
//   8  u8 model       9  u8 flags (1 add_bos, 2 add_eos, 4 add_space_prefix, 8 has scores)
//   10 u16 zero       12 i32 x 5: bos, eos, eot, unk, pad; -1 = none
//   32 string32 pre   then u32 n, n x (u16 length, bytes), n x u8 type, n x f32 score if any
//   then u32 m, m x (u16 length, bytes) merges
//   version 2 only: u8 normalization, u8 flags (1 prefix_at_start_only, 2 collapse_spaces,
//     4 split_words, 8 whole_words_first, 16 prefix_unless_space), u16 zero, u32 k,
//     k x i32 strip_left, u32 l, l x i32 strip_right, string32 charsmap
//   then u64 XXH3-64 of everything before it. Nothing follows. Version 1 is written where it can
//   say everything, so that entries made before version 2 keep their bytes.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::text {

using TokenId = std::int32_t;

/// Kinds of tokens, with the codes GGUF gives them.
enum class TokenType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,      ///< stands for text the vocabulary cannot spell
  kControl = 3,      ///< structure, e.g. end of text: never produced from plain text
  kUserDefined = 4,  ///< matched in the text before anything else
  kUnused = 5,
  kByte = 6,  ///< SPM byte fallback, spelled <0xHH>
};

/// What happens to text (not to special tokens in it) before it is cut into pieces.
enum class Normalization : std::uint8_t {
  kNone = 0,
  kNfc = 1,
  kNfkc = 2,
  kBertUncased = 3,  ///< controls dropped, spaces unified, accents stripped, lower case
  kBertCased = 4,    ///< controls dropped, spaces unified
};

struct Vocabulary {
  enum class Model : std::uint8_t {
    kSpm = 1,           ///< scored pieces joined best first, U+2581 for the space (GGUF "llama")
    kBpe = 2,           ///< byte-level pair merges (GGUF "gpt2")
    kWordPiece = 3,     ///< longest piece first; words start with U+2581 (GGUF "bert")
    kUnigram = 4,       ///< best sum of scores, U+2581 for the space (GGUF "t5")
    kRankedPieces = 5,  ///< pair merges over characters, U+2581 for the space (Hugging Face's form
                        ///< of a SentencePiece BPE)
  };
  Model model = Model::kSpm;
  std::string pre;                  ///< BPE: name of the pre-tokenizer, e.g. "smollm"; else ignored
  std::vector<std::string> tokens;  ///< token i is tokens[i], in the model's own spelling
  std::vector<float> scores;        ///< SPM, unigram: one per token; else empty or one per token
  std::vector<TokenType> types;     ///< one per token
  std::vector<std::string> merges;  ///< BPE, ranked pieces: "left right", best first; else empty
  std::optional<TokenId> bos, eos, eot, unk, pad;
  bool add_bos = false;           ///< encode puts bos in front (GGUF default: true for SPM)
  bool add_eos = false;           ///< encode puts eos behind
  bool add_space_prefix = false;  ///< U+2581 models: a space goes before the text
  // From here on version 2 of the entry.
  Normalization normalization = Normalization::kNone;
  bool prefix_at_start_only = false;  ///< the space prefix is not repeated after special tokens
  bool collapse_spaces = false;       ///< runs of spaces become one; none at the text's ends
  bool split_words = false;           ///< ranked pieces: no piece goes over the start of a word
  bool whole_words_first = false;     ///< merges are not asked for a word that is a token
  bool prefix_unless_space = false;   ///< no space prefix for text that starts with a space
  std::vector<TokenId> strip_left;    ///< special tokens that eat the spaces before them; ascending
  std::vector<TokenId> strip_right;   ///< the same for the spaces behind them
  std::string charsmap;  ///< unigram: SentencePiece's compiled character map; empty = none

  friend bool operator==(const Vocabulary&, const Vocabulary&) = default;
};

/// What makes a vocabulary usable: between 1 and 2^22 tokens, one type and (SPM) one score per
/// token, no NaN score, every id inside, byte tokens spelled <0xHH> with exactly two hexadecimal
/// digits, every merge two non-empty parts around one space, texts of at most 65 535 bytes.
/// Errors: kInvalid or kLimit, naming the array and the index.
Result<void> validate(const Vocabulary& vocabulary);

/// The cartridge entry. Errors: those of validate.
Result<ByteVector> serialize(const Vocabulary& vocabulary);

/// The vocabulary in `entry`, validated. Errors: kUnsupported for another version, kInvalid for
/// anything damaged (every flipped bit is found by the hash).
Result<Vocabulary> parse_vocabulary(Bytes entry);

}  // namespace pxos::text
