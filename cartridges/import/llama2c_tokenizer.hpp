#pragma once
// The tokenizer.bin of llama2.c as a text::Vocabulary: SentencePiece pieces with their scores,
// spaces written as spaces. Pure function.
//
// The file, little-endian: u32 longest piece, then for each token f32 score, u32 length, bytes.
// Token 0 is unk, 1 bos, 2 eos, 3 to 258 the bytes.

#include "pxvm/text/vocabulary.hpp"

#include <cstdint>

namespace pxos::cartridges {

/// `vocab_size` is the model's; the file does not hold it. Errors: kInvalid for a file that is
/// shorter or longer than that many tokens, or whose first tokens are not these.
Result<text::Vocabulary> read_llama2c_tokenizer(Bytes file, std::int64_t vocab_size);

}  // namespace pxos::cartridges
