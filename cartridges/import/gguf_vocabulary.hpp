#pragma once
// The tokenizer a GGUF file describes (keys tokenizer.ggml.*), as a text::Vocabulary. Pure
// functions.

#include "cartridges/import/gguf.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <string>
#include <vector>

namespace pxos::cartridges {

/// Errors: kUnsupported names a tokenizer model other than "llama" (SPM) and "gpt2" (BPE); kInvalid
/// names the key when arrays disagree in length, an id is outside the vocabulary, or a type is
/// unknown.
Result<text::Vocabulary> gguf_vocabulary(const GgufFile& file);

/// Ids that end an answer: eos, eot, and control tokens spelled like an end-of-turn mark.
/// Ascending.
[[nodiscard]] std::vector<std::int32_t> stop_tokens(const text::Vocabulary& vocabulary);

}  // namespace pxos::cartridges
