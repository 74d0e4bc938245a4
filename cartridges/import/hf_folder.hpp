#pragma once
// A Hugging Face folder as a producer of ModelFile: config.json, safetensors (one file or several
// with an index), tokenizer.json, tokenizer_config.json, generation_config.json. Nothing outside
// the folder is read.

#include "cartridges/import/hf_config.hpp"
#include "cartridges/import/model_file.hpp"
#include "cartridges/import/safetensors.hpp"

#include <filesystem>
#include <span>

namespace pxos::cartridges {

/// The tensors of `parts`, renamed and reordered as GGUF has them. Keeps: the bytes of the parts.
/// Errors: kUnsupported names a tensor the family does not have or whose element type is no
/// weight's; kInvalid names one that is there twice or whose shape cannot be reordered.
Result<void> add_hf_tensors(std::span<const SafetensorsFile> parts, HfConfig& config,
                            ModelTensors& out);

/// The model in `folder`. Errors: those of the parts; kNotFound names the file that is missing.
/// Without any tokenizer the model has no vocabulary; one in another form than tokenizer.json is
/// refused by name.
Result<ModelFile> open_hf_folder(const std::filesystem::path& folder);

}  // namespace pxos::cartridges
