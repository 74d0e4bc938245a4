#pragma once
// The checkpoints of llama2.c as a producer of ModelFile. Three layouts, little-endian:
//   0  i32 dim, hidden, layers, heads, kv heads, vocab (negative: own head), context; f32 tensors,
//      two tables of rotations that nobody needs in between
//   1  u32 magic "ak42" as 0x616b3432, i32 version 1, the seven numbers, u8 shared head; from byte
//      256 on f32 tensors, norms first
//   2  the same with version 2 and i32 group size behind the flag; matrices are int8 values and
//      then one f32 scale per group of them
// Rotations turn neighbours, as in GGUF, so rows keep their order.

#include "cartridges/import/model_file.hpp"

#include <filesystem>

namespace pxos::cartridges {

/// Whether the bytes can be such a checkpoint: the magic, or seven plausible numbers that give the
/// file's size exactly.
[[nodiscard]] bool is_llama2c(Bytes file);

/// The model in `file`, without vocabulary. Keeps `file`. The matrices of version 2 become f32:
/// value = int8 * scale of its group. Errors: kInvalid names the number that is out of range or the
/// size that was expected; kUnsupported for a later version.
Result<ModelFile> llama2c_model(Bytes file);

/// The model in the file at `path`. The tokenizer is the file at `tokenizer`, or when that is empty
/// "tokenizer.bin" or "tok<vocab>.bin" beside the model, if one is there; else the model has no
/// vocabulary.
Result<ModelFile> open_llama2c_model(const std::filesystem::path& path,
                                     const std::filesystem::path& tokenizer = {});

}  // namespace pxos::cartridges
