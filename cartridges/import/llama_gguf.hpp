#pragma once
// What a model file of a LLaMA-like architecture must hold, checked against itself:
// hyper-parameters by the names programs/decoder.pxasm uses, and the tensors in the order the
// forward pass reads them. Each family has a program of its own name. Pure functions.

#include "cartridges/import/model_file.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

/// What tells one architecture from the others.
struct LlamaFamily {
  std::string_view architecture;  ///< as in general.architecture; the program has the same name
  /// Which elements rope turns against each other: 0 neighbours (converters permute llama's rows so
  /// that pairs are adjacent), 1 the halves of a head.
  std::int64_t rope_pairing = 0;
  bool qkv_bias = false;
};
[[nodiscard]] std::span<const LlamaFamily> llama_families();
/// Errors: kUnsupported names the architecture and those there are.
Result<LlamaFamily> find_llama_family(std::string_view architecture);

struct LlamaShape {
  LlamaFamily family;
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
Result<LlamaShape> read_llama_shape(const ModelFile& file, const LlamaFamily& family);

/// Name and shape of every tensor of such a model, in forward order; the head last, when it has its
/// own.
struct LlamaTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};
[[nodiscard]] std::vector<LlamaTensor> llama_layout(const LlamaShape& shape, bool own_head);

/// The file's tensors in forward order. Errors: kInvalid names the tensor that is missing or whose
/// shape is not what the hyper-parameters say (both shapes); kUnsupported names a tensor the
/// program has no use for.
Result<std::vector<const ModelTensor*>> llama_tensors(const ModelFile& file,
                                                      const LlamaShape& shape);

}  // namespace pxos::cartridges
