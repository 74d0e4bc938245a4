#include "cartridges/import/llama_gguf.hpp"

#include <array>
#include <cmath>
#include <set>
#include <string>

namespace pxos::cartridges {
namespace {

// Far above any model; keeps every product of two of them inside 64 bits.
constexpr std::int64_t kMaxValue = std::int64_t{1} << 28U;

Result<std::int64_t> positive(const GgufFile& file, std::string_view key) {
  PX_TRY(const std::int64_t value, file.integer(key));
  if (value < 1 || value > kMaxValue)
    return fail(Errc::kInvalid, "{}: {} is not in [1, {}]", key, value, kMaxValue);
  return value;
}

Result<std::int64_t> positive_or(const GgufFile& file, std::string_view key,
                                 std::int64_t fallback) {
  if (!file.has(key)) return fallback;
  return positive(file, key);
}

Result<double> positive_real(std::string_view key, double value, double limit) {
  if (!std::isfinite(value) || value <= 0 || value > limit)
    return fail(Errc::kInvalid, "{}: {} is not in (0, {}]", key, value, limit);
  return value;
}

/// Keys that change the arithmetic in ways llama.pxasm does not follow, with the value that changes
/// nothing.
Result<void> refuse_variants(const GgufFile& file) {
  struct Neutral {
    std::string_view key;
    double value;
  };
  static constexpr std::array<Neutral, 7> kNeutral{{{"llama.rope.scaling.factor", 1},
                                                    {"llama.rope.scale_linear", 1},
                                                    {"llama.rope.scaling.attn_factor", 1},
                                                    {"llama.expert_count", 0},
                                                    {"llama.attention.sliding_window", 0},
                                                    {"llama.logit_scale", 1},
                                                    {"llama.residual_scale", 1}}};
  PX_TRY(const auto scaling, file.find_text("llama.rope.scaling.type"));
  if (scaling && *scaling != "none" && *scaling != "linear")
    return fail(Errc::kUnsupported, "llama.rope.scaling.type: \"{}\" is not supported yet",
                *scaling);
  for (const Neutral& row : kNeutral) {
    PX_TRY(const auto value, file.find_real(row.key));
    if (value && *value != row.value)
      return fail(Errc::kUnsupported, "{}: {} is not supported yet (only {} is)", row.key, *value,
                  row.value);
  }
  return {};
}

/// Head counts and sizes. Query and key/value heads group evenly, and rotation works on pairs of
/// elements.
Result<void> read_heads(const GgufFile& file, LlamaShape& out) {
  PX_TRY(out.n_head, positive(file, "llama.attention.head_count"));
  PX_TRY(out.n_kv, positive_or(file, "llama.attention.head_count_kv", out.n_head));
  if (out.n_head % out.n_kv != 0)
    return fail(Errc::kInvalid,
                "llama.attention.head_count {} is not a multiple of head_count_kv {}", out.n_head,
                out.n_kv);
  if (!file.has("llama.attention.key_length") && out.dim % out.n_head != 0)
    return fail(Errc::kInvalid, "llama.embedding_length {} is not a multiple of head_count {}",
                out.dim, out.n_head);
  PX_TRY(out.head_dim, positive_or(file, "llama.attention.key_length", out.dim / out.n_head));
  PX_TRY(const std::int64_t value_dim,
         positive_or(file, "llama.attention.value_length", out.head_dim));
  if (value_dim != out.head_dim)
    return fail(Errc::kUnsupported, "llama.attention.value_length {} differs from key_length {}",
                value_dim, out.head_dim);
  PX_TRY(out.rope_dims, positive_or(file, "llama.rope.dimension_count", out.head_dim));
  if (out.rope_dims > out.head_dim || out.rope_dims % 2 != 0)
    return fail(Errc::kInvalid,
                "llama.rope.dimension_count {} is not an even number up to the head size {}",
                out.rope_dims, out.head_dim);
  return {};
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

/// Collects tensors by name and shape; each may be taken once.
class Picker {
 public:
  explicit Picker(const GgufFile& file) : file_(file) {}

  Result<void> take(const std::string& name, const std::vector<std::int64_t>& shape) {
    const GgufTensor* tensor = file_.find_tensor(name);
    if (tensor == nullptr)
      return fail(Errc::kInvalid, "tensor {} {} is missing", name, shape_text(shape));
    if (tensor->shape() != shape)
      return fail(Errc::kInvalid, "tensor {}: shape {}, the hyper-parameters say {}", name,
                  shape_text(tensor->shape()), shape_text(shape));
    out_.push_back(tensor);
    taken_.insert(name);
    return {};
  }

  /// What was taken. Errors: kUnsupported names the first tensor of the file that was not.
  Result<std::vector<const GgufTensor*>> finish() {
    for (const GgufTensor& tensor : file_.tensors()) {
      if (taken_.contains(tensor.name)) continue;
      if (tensor.name.starts_with("rope_freqs"))
        return fail(Errc::kUnsupported, "tensor {}: rope frequency factors are not supported yet",
                    tensor.name);
      return fail(Errc::kUnsupported,
                  "tensor {}: the llama program has no use for it, so leaving it out would "
                  "change the model",
                  tensor.name);
    }
    return std::move(out_);
  }

 private:
  const GgufFile& file_;
  std::vector<const GgufTensor*> out_;
  std::set<std::string> taken_;
};

/// The nine tensors of a layer, in the order the forward pass reads them.
Result<void> take_layer(Picker& picker, const LlamaShape& s, std::int64_t layer) {
  const std::string prefix = fmt::format("blk.{}.", layer);
  const std::int64_t q = s.n_head * s.head_dim;
  const std::int64_t kv = s.n_kv * s.head_dim;
  PX_CHECK(picker.take(prefix + "attn_norm.weight", {s.dim}));
  PX_CHECK(picker.take(prefix + "attn_q.weight", {q, s.dim}));
  PX_CHECK(picker.take(prefix + "attn_k.weight", {kv, s.dim}));
  PX_CHECK(picker.take(prefix + "attn_v.weight", {kv, s.dim}));
  PX_CHECK(picker.take(prefix + "attn_output.weight", {s.dim, q}));
  PX_CHECK(picker.take(prefix + "ffn_norm.weight", {s.dim}));
  PX_CHECK(picker.take(prefix + "ffn_gate.weight", {s.ffn_dim, s.dim}));
  PX_CHECK(picker.take(prefix + "ffn_up.weight", {s.ffn_dim, s.dim}));
  return picker.take(prefix + "ffn_down.weight", {s.dim, s.ffn_dim});
}

}  // namespace

Result<LlamaShape> read_llama_shape(const GgufFile& file) {
  PX_CHECK(refuse_variants(file));
  LlamaShape out;
  PX_TRY(out.n_layer, positive(file, "llama.block_count"));
  PX_TRY(out.dim, positive(file, "llama.embedding_length"));
  PX_TRY(out.ffn_dim, positive(file, "llama.feed_forward_length"));
  PX_TRY(out.ctx, positive(file, "llama.context_length"));
  PX_CHECK(read_heads(file, out));
  PX_TRY(const double eps, file.real("llama.attention.layer_norm_rms_epsilon"));
  PX_TRY(out.rms_eps, positive_real("llama.attention.layer_norm_rms_epsilon", eps, 1.0));
  PX_TRY(const auto base, file.find_real("llama.rope.freq_base"));
  PX_TRY(out.rope_base, positive_real("llama.rope.freq_base", base.value_or(10000.0), 1e12));
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->ne.size() != 2)
    return fail(Errc::kInvalid, "tensor token_embd.weight is missing or not a matrix");
  out.vocab = embedding->shape()[0];
  PX_TRY(const std::int64_t vocab, positive_or(file, "llama.vocab_size", out.vocab));
  if (vocab != out.vocab || vocab > kMaxValue)
    return fail(Errc::kInvalid, "llama.vocab_size {}, but token_embd.weight has {} rows", vocab,
                out.vocab);
  return out;
}

Result<std::vector<const GgufTensor*>> llama_tensors(const GgufFile& file,
                                                     const LlamaShape& shape) {
  Picker picker(file);
  PX_CHECK(picker.take("token_embd.weight", {shape.vocab, shape.dim}));
  for (std::int64_t layer = 0; layer < shape.n_layer; ++layer)
    PX_CHECK(take_layer(picker, shape, layer));
  PX_CHECK(picker.take("output_norm.weight", {shape.dim}));
  // A model without its own head shares the embedding; the program names it as the fallback.
  if (file.find_tensor("output.weight") != nullptr)
    PX_CHECK(picker.take("output.weight", {shape.vocab, shape.dim}));
  return picker.finish();
}

}  // namespace pxos::cartridges
