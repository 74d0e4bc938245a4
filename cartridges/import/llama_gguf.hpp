#pragma once
// What a GGUF file of architecture "llama" must hold, checked against itself: hyper-parameters by
// the names programs/llama.pxasm uses, and the tensors in the order the forward pass reads them.
// Pure functions.

#include "cartridges/import/gguf.hpp"

#include <cstdint>
#include <vector>

namespace pxos::cartridges {

struct LlamaShape {
  std::int64_t n_layer = 0;
  std::int64_t dim = 0;
  std::int64_t n_head = 0;
  std::int64_t n_kv = 0;
  std::int64_t head_dim = 0;
  std::int64_t ffn_dim = 0;
  std::int64_t vocab = 0;
  std::int64_t ctx = 0;  ///< positions the model was trained for
  std::int64_t rope_dims = 0;
  double rope_base = 0;
  double rms_eps = 0;
};

/// Errors: kNotFound for a missing key; kInvalid for a value out of range or that disagrees with
/// another; kUnsupported for what the program does not do: rope scaling, experts, a sliding window.
Result<LlamaShape> read_llama_shape(const GgufFile& file);

/// The file's tensors in forward order. Errors: kInvalid names the tensor that is missing or whose
/// shape is not what the hyper-parameters say (both shapes); kUnsupported names a tensor the
/// program has no use for.
Result<std::vector<const GgufTensor*>> llama_tensors(const GgufFile& file, const LlamaShape& shape);

}  // namespace pxos::cartridges
