#pragma once
// Vocabularies for tests: out of the metadata of a GGUF file, and small ones made by hand.

#include "pxvm/text/vocabulary.hpp"

#include <filesystem>

namespace pxos::test {

/// The vocabulary in the GGUF file at `path`, with GGUF's defaults for what it leaves out.
Result<text::Vocabulary> gguf_vocabulary(const std::filesystem::path& path);

/// An SPM vocabulary: <unk> <s> </s>, byte tokens if asked, the letters of "▁abcdehlorw" and some
/// merges of "▁hello".
text::Vocabulary small_spm(bool byte_tokens);

/// A byte-level BPE vocabulary: 256 letters, "he", "ll", "hell", "hello", "Ġw", then <|end|>.
text::Vocabulary small_bpe();

}  // namespace pxos::test
