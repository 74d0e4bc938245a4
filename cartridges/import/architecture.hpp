#pragma once
// The table of architectures: which program runs a model family and which tensors a layer of it
// has, by GGUF's names. Reading a file by this table is model_plan.hpp. Constant data and pure
// functions.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

/// An extent of a tensor, in hyper-parameters.
enum class Extent : std::uint8_t {
  kNone,       ///< no second dimension: a vector
  kDim,        ///< dim
  kQuery,      ///< n_head * head_dim
  kKeyValue,   ///< n_kv * head_dim
  kFfn,        ///< ffn_dim
  kHead,       ///< head_dim
  kPositions,  ///< positions with a learned vector
};

struct TensorRow {
  std::string_view name;
  Extent rows = Extent::kDim;
  Extent cols = Extent::kNone;
  /// Files may hold neighbours in the table as one tensor of this name, rows one after another.
  /// They are cut apart at import: rows are stored independently, so no byte changes, no alignment
  /// is asked for, and the program multiplies each part into a tensor of its own.
  std::string_view fused = {};
};

struct Architecture {
  std::string_view name;     ///< as in general.architecture
  std::string_view program;  ///< that runs it when its file asks for no variant
  /// Which elements rope turns against each other: 0 neighbours (converters permute llama's rows so
  /// that pairs are adjacent), 1 the halves of a head.
  std::int64_t rope_pairing = 0;
  bool has_rope = true;
  bool has_layer_norm = false;         ///< mean and variance, with biases; else root mean square
  std::span<const TensorRow> front{};  ///< between the embedding and the first layer
  std::span<const TensorRow>
      layer{};                        ///< behind "blk.N.", in the order the forward pass reads them
  std::span<const TensorRow> back{};  ///< between the last layer and the head
};
[[nodiscard]] std::span<const Architecture> architectures();
/// Errors: kUnsupported names the architecture and those there are.
Result<const Architecture*> find_architecture(std::string_view name);

/// The numbers every family has. Those of one family only are in ModelPlan.
struct ModelShape {
  const Architecture* architecture = nullptr;
  std::int64_t n_layer = 0;
  std::int64_t dim = 0;
  std::int64_t n_head = 0;
  std::int64_t n_kv = 0;
  std::int64_t head_dim = 0;
  std::int64_t ffn_dim = 0;
  std::int64_t vocab = 0;
  std::int64_t ctx = 0;        ///< positions the model was trained for
  std::int64_t rope_dims = 0;  ///< 0 without rope
  double rope_base = 0;
  double norm_eps = 0;
  std::int64_t positions = 0;  ///< learned ones; 0 = none
};

/// A tensor of such a model.
struct LayoutTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string fused;  ///< TensorRow::fused with the layer's prefix; empty = never part of another
};
/// All tensors in forward order; the head last, when the model has its own.
[[nodiscard]] std::vector<LayoutTensor> model_layout(const ModelShape& shape, bool own_head);

}  // namespace pxos::cartridges
