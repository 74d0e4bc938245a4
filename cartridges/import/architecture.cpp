#include "cartridges/import/architecture.hpp"

#include <array>

#include <fmt/format.h>

namespace pxos::cartridges {
namespace {

using E = Extent;

// Attention with keys and values of their own, then the gated feed-forward network.
constexpr std::array<TensorRow, 9> kLlamaLayer{{{"attn_norm.weight", E::kDim},
                                                {"attn_q.weight", E::kQuery, E::kDim},
                                                {"attn_k.weight", E::kKeyValue, E::kDim},
                                                {"attn_v.weight", E::kKeyValue, E::kDim},
                                                {"attn_output.weight", E::kDim, E::kQuery},
                                                {"ffn_norm.weight", E::kDim},
                                                {"ffn_gate.weight", E::kFfn, E::kDim},
                                                {"ffn_up.weight", E::kFfn, E::kDim},
                                                {"ffn_down.weight", E::kDim, E::kFfn}}};
constexpr std::array<TensorRow, 12> kQwen2Layer{{{"attn_norm.weight", E::kDim},
                                                 {"attn_q.weight", E::kQuery, E::kDim},
                                                 {"attn_k.weight", E::kKeyValue, E::kDim},
                                                 {"attn_v.weight", E::kKeyValue, E::kDim},
                                                 {"attn_q.bias", E::kQuery},
                                                 {"attn_k.bias", E::kKeyValue},
                                                 {"attn_v.bias", E::kKeyValue},
                                                 {"attn_output.weight", E::kDim, E::kQuery},
                                                 {"ffn_norm.weight", E::kDim},
                                                 {"ffn_gate.weight", E::kFfn, E::kDim},
                                                 {"ffn_up.weight", E::kFfn, E::kDim},
                                                 {"ffn_down.weight", E::kDim, E::kFfn}}};
constexpr std::array<TensorRow, 11> kQwen3Layer{{{"attn_norm.weight", E::kDim},
                                                 {"attn_q.weight", E::kQuery, E::kDim},
                                                 {"attn_k.weight", E::kKeyValue, E::kDim},
                                                 {"attn_v.weight", E::kKeyValue, E::kDim},
                                                 {"attn_q_norm.weight", E::kHead},
                                                 {"attn_k_norm.weight", E::kHead},
                                                 {"attn_output.weight", E::kDim, E::kQuery},
                                                 {"ffn_norm.weight", E::kDim},
                                                 {"ffn_gate.weight", E::kFfn, E::kDim},
                                                 {"ffn_up.weight", E::kFfn, E::kDim},
                                                 {"ffn_down.weight", E::kDim, E::kFfn}}};
// Norms in front of both blocks and behind them.
constexpr std::array<TensorRow, 13> kGemma3Layer{{{"attn_norm.weight", E::kDim},
                                                  {"attn_q.weight", E::kQuery, E::kDim},
                                                  {"attn_k.weight", E::kKeyValue, E::kDim},
                                                  {"attn_v.weight", E::kKeyValue, E::kDim},
                                                  {"attn_q_norm.weight", E::kHead},
                                                  {"attn_k_norm.weight", E::kHead},
                                                  {"attn_output.weight", E::kDim, E::kQuery},
                                                  {"post_attention_norm.weight", E::kDim},
                                                  {"ffn_norm.weight", E::kDim},
                                                  {"ffn_gate.weight", E::kFfn, E::kDim},
                                                  {"ffn_up.weight", E::kFfn, E::kDim},
                                                  {"ffn_down.weight", E::kDim, E::kFfn},
                                                  {"post_ffw_norm.weight", E::kDim}}};
// Norms only behind the blocks, and over all heads at once.
constexpr std::array<TensorRow, 11> kOlmo2Layer{{{"attn_q.weight", E::kQuery, E::kDim},
                                                 {"attn_k.weight", E::kKeyValue, E::kDim},
                                                 {"attn_v.weight", E::kKeyValue, E::kDim},
                                                 {"attn_q_norm.weight", E::kQuery},
                                                 {"attn_k_norm.weight", E::kKeyValue},
                                                 {"attn_output.weight", E::kDim, E::kQuery},
                                                 {"post_attention_norm.weight", E::kDim},
                                                 {"ffn_gate.weight", E::kFfn, E::kDim},
                                                 {"ffn_up.weight", E::kFfn, E::kDim},
                                                 {"ffn_down.weight", E::kDim, E::kFfn},
                                                 {"post_ffw_norm.weight", E::kDim}}};
constexpr std::array<TensorRow, 9> kPhi3Layer{
    {{"attn_norm.weight", E::kDim},
     {"attn_q.weight", E::kQuery, E::kDim, "attn_qkv.weight"},
     {"attn_k.weight", E::kKeyValue, E::kDim, "attn_qkv.weight"},
     {"attn_v.weight", E::kKeyValue, E::kDim, "attn_qkv.weight"},
     {"attn_output.weight", E::kDim, E::kQuery},
     {"ffn_norm.weight", E::kDim},
     {"ffn_gate.weight", E::kFfn, E::kDim, "ffn_up.weight"},
     {"ffn_up.weight", E::kFfn, E::kDim, "ffn_up.weight"},
     {"ffn_down.weight", E::kDim, E::kFfn}}};
constexpr std::array<TensorRow, 16> kGpt2Layer{
    {{"attn_norm.weight", E::kDim},
     {"attn_norm.bias", E::kDim},
     {"attn_q.weight", E::kQuery, E::kDim, "attn_qkv.weight"},
     {"attn_k.weight", E::kKeyValue, E::kDim, "attn_qkv.weight"},
     {"attn_v.weight", E::kKeyValue, E::kDim, "attn_qkv.weight"},
     {"attn_q.bias", E::kQuery, E::kNone, "attn_qkv.bias"},
     {"attn_k.bias", E::kKeyValue, E::kNone, "attn_qkv.bias"},
     {"attn_v.bias", E::kKeyValue, E::kNone, "attn_qkv.bias"},
     {"attn_output.weight", E::kDim, E::kQuery},
     {"attn_output.bias", E::kDim},
     {"ffn_norm.weight", E::kDim},
     {"ffn_norm.bias", E::kDim},
     {"ffn_up.weight", E::kFfn, E::kDim},
     {"ffn_up.bias", E::kFfn},
     {"ffn_down.weight", E::kDim, E::kFfn},
     {"ffn_down.bias", E::kDim}}};

constexpr std::array<TensorRow, 1> kPositions{{{"position_embd.weight", E::kPositions, E::kDim}}};
constexpr std::array<TensorRow, 1> kOutputNorm{{{"output_norm.weight", E::kDim}}};
constexpr std::array<TensorRow, 2> kOutputLayerNorm{
    {{"output_norm.weight", E::kDim}, {"output_norm.bias", E::kDim}}};

//  name, program, rope pairing, rope, layer norm, front, layer, back
constexpr std::array<Architecture, 8> kArchitectures{
    {{"llama", "llama", 0, true, false, {}, kLlamaLayer, kOutputNorm},
     {"qwen2", "qwen2", 1, true, false, {}, kQwen2Layer, kOutputNorm},
     {"qwen3", "qwen3", 1, true, false, {}, kQwen3Layer, kOutputNorm},
     {"smollm3", "smollm3", 0, true, false, {}, kLlamaLayer, kOutputNorm},
     {"gemma3", "gemma3", 1, true, false, {}, kGemma3Layer, kOutputNorm},
     {"phi3", "phi3", 1, true, false, {}, kPhi3Layer, kOutputNorm},
     {"olmo2", "olmo2", 1, true, false, {}, kOlmo2Layer, kOutputNorm},
     {"gpt2", "gpt2", 0, false, true, kPositions, kGpt2Layer, kOutputLayerNorm}}};

std::int64_t value_of(Extent extent, const ModelShape& s) {
  switch (extent) {
    case Extent::kNone:
      return 0;
    case Extent::kDim:
      return s.dim;
    case Extent::kQuery:
      return s.n_head * s.head_dim;
    case Extent::kKeyValue:
      return s.n_kv * s.head_dim;
    case Extent::kFfn:
      return s.ffn_dim;
    case Extent::kHead:
      return s.head_dim;
    case Extent::kPositions:
      return s.positions;
  }
  return 0;
}

void add_rows(std::span<const TensorRow> rows, const std::string& prefix, const ModelShape& shape,
              std::vector<LayoutTensor>& out) {
  for (const TensorRow& row : rows) {
    LayoutTensor& tensor = out.emplace_back();
    tensor.name = prefix + std::string(row.name);
    tensor.shape = {value_of(row.rows, shape)};
    if (row.cols != Extent::kNone) tensor.shape.push_back(value_of(row.cols, shape));
    if (!row.fused.empty()) tensor.fused = prefix + std::string(row.fused);
  }
}

}  // namespace

std::span<const Architecture> architectures() {
  return kArchitectures;
}

Result<const Architecture*> find_architecture(std::string_view name) {
  std::string names;
  for (const Architecture& row : kArchitectures) {
    if (row.name == name) return &row;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return fail(
      Errc::kUnsupported,
      "architecture \"{}\" is not supported yet: it needs a forward program and a row in the "
      "table of tensors (there are: {})",
      name, names);
}

std::vector<LayoutTensor> model_layout(const ModelShape& shape, bool own_head) {
  const Architecture& architecture = *shape.architecture;
  std::vector<LayoutTensor> out{{"token_embd.weight", {shape.vocab, shape.dim}, {}}};
  add_rows(architecture.front, "", shape, out);
  for (std::int64_t layer = 0; layer < shape.n_layer; ++layer)
    add_rows(architecture.layer, fmt::format("blk.{}.", layer), shape, out);
  add_rows(architecture.back, "", shape, out);
  if (own_head) out.push_back({"output.weight", {shape.vocab, shape.dim}, {}});
  return out;
}

}  // namespace pxos::cartridges
