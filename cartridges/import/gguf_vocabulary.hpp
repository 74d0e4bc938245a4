#pragma once
// The tokenizer a GGUF file describes (keys tokenizer.ggml.*), as a text::Vocabulary. Pure
// functions.

#include "cartridges/import/gguf.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

/// What a file does not say is as its models were trained: bos for SPM and the Llama 3 family, NFC
/// for Qwen 2, cls and sep for BERT (uncased: the format has no flag for it), eos for T5.
/// Errors: kUnsupported names a tokenizer model other than "llama" (SPM), "gpt2" (BPE), "bert"
/// (WordPiece), "t5" (unigram) and "gemma4" (ranked pieces); kInvalid names the key when arrays
/// disagree in length, an id is outside the vocabulary, or a type is unknown. `pre` stands for a
/// tokenizer.ggml.pre that is missing, as in files older than that key; kUsage when the file says
/// another one.
Result<text::Vocabulary> gguf_vocabulary(const GgufFile& file, std::string_view pre = {});

/// Ids that end an answer: eos, eot, and control tokens spelled like an end-of-turn mark.
/// Ascending.
[[nodiscard]] std::vector<std::int32_t> stop_tokens(const text::Vocabulary& vocabulary);

}  // namespace pxos::cartridges
