#pragma once
// GGUF as a producer of ModelFile: names, keys and row orders are GGUF's own already.

#include "cartridges/import/gguf.hpp"
#include "cartridges/import/model_file.hpp"

#include <filesystem>

namespace pxos::cartridges {

/// The model in `file`. Keeps `file`: metadata and tensors read from it.
/// Errors: those of GgufFile::parse and gguf_vocabulary. A file whose tokenizer.ggml.model is
/// "none" or "no_vocab", or missing together with the tokens, has no vocabulary. `pre`: see
/// gguf_vocabulary.
Result<ModelFile> gguf_model(Bytes file, std::string_view pre = {});

/// The model in the file at `path`, mapped; the first of several parts
/// ("<name>-00001-of-0000N.gguf") brings the others. Errors: also kUnsupported when it is no GGUF
/// file; kUsage names the first part when it is another one; kInvalid when parts are missing, in
/// the wrong place or hold another number of tensors than announced.
Result<ModelFile> open_gguf_model(const std::filesystem::path& path, std::string_view pre = {});

}  // namespace pxos::cartridges
