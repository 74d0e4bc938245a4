#pragma once
// The tokenizer a Hugging Face tokenizer.json describes, as a text::Vocabulary. Pure functions.
//
// Understood: models BPE (byte-level, or over characters with byte fallback), Unigram and
// WordPiece; added tokens with lstrip and rstrip; the normalizers NFC, NFKC, Prepend, Replace of a
// space, Precompiled, Strip and BertNormalizer; the pre-tokenizers ByteLevel, Split, Digits,
// Punctuation, Metaspace, WhitespaceSplit and BertPreTokenizer where together they are a scheme
// that text::Tokenizer has; the post-processors TemplateProcessing, BertProcessing,
// RobertaProcessing and ByteLevel. Everything else is an error that names it.

#include "pxvm/text/vocabulary.hpp"

#include <cstdint>

namespace pxos::cartridges {

/// `config` is the tokenizer_config.json beside it (may be empty): the file itself does not say
/// which token is eos. Ids that no token has become unused tokens.
/// Errors: kInvalid for JSON that is damaged or contradicts itself, kUnsupported naming the part
/// this build does not understand, kLimit above 128 MiB.
Result<text::Vocabulary> read_tokenizer_json(Bytes json, Bytes config = {});

/// Adds unused tokens until there are `rows`, as models whose embedding has spare rows need.
/// Errors: kInvalid when there are more tokens than rows; kLimit.
Result<void> pad_vocabulary(text::Vocabulary& vocabulary, std::int64_t rows);

}  // namespace pxos::cartridges
