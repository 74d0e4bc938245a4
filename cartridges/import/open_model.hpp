#pragma once
// A model file or folder of any kind the importers know, told by content.

#include "cartridges/import/model_file.hpp"

#include <filesystem>
#include <string>

namespace pxos::cartridges {

struct OpenModelOptions {
  std::filesystem::path tokenizer;  ///< llama2.c: its tokenizer.bin; empty: look beside the model
  std::string pre;  ///< GGUF: stands for a missing tokenizer.ggml.pre; kUsage with other sources
};

/// GGUF (one file, or all parts of a split one from its first), a Hugging Face folder or the
/// safetensors file or index in it, a llama2.c checkpoint.
/// Errors: kNotFound; kUnsupported names what was found instead; those of the importers.
Result<ModelFile> open_model(const std::filesystem::path& path,
                             const OpenModelOptions& options = {});

}  // namespace pxos::cartridges
