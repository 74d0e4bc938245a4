#include "cartridges/import/llama_gguf.hpp"

#include <array>
#include <cmath>
#include <set>
#include <string>

namespace pxos::cartridges {
namespace {

// Far above any model; keeps every product of two of them inside 64 bits.
constexpr std::int64_t kMaxValue = std::int64_t{1} << 28U;

constexpr std::array<LlamaFamily, 2> kFamilies{{{"llama", 0, false}, {"qwen2", 1, true}}};

/// The keys of one architecture: "llama.block_count" and so on.
class Keys {
 public:
  Keys(const ModelFile& file, std::string_view architecture)
      : file_(file), prefix_(std::string(architecture) + ".") {}

  [[nodiscard]] const ModelFile& file() const { return file_; }
  [[nodiscard]] std::string full(std::string_view name) const {
    return prefix_ + std::string(name);
  }
  [[nodiscard]] bool has(std::string_view name) const { return file_.metadata.has(full(name)); }

  [[nodiscard]] Result<std::int64_t> positive(std::string_view name) const {
    PX_TRY(const std::int64_t value, file_.metadata.integer(full(name)));
    if (value < 1 || value > kMaxValue)
      return fail(Errc::kInvalid, "{}: {} is not in [1, {}]", full(name), value, kMaxValue);
    return value;
  }
  [[nodiscard]] Result<std::int64_t> positive_or(std::string_view name,
                                                 std::int64_t fallback) const {
    if (!has(name)) return fallback;
    return positive(name);
  }
  /// In (0, limit]. `fallback` of 0: the key must be there.
  [[nodiscard]] Result<double> real(std::string_view name, double limit, double fallback) const {
    PX_TRY(const auto found, file_.metadata.find_real(full(name)));
    if (!found && fallback == 0) return file_.metadata.real(full(name));
    const double value = found.value_or(fallback);
    if (!std::isfinite(value) || value <= 0 || value > limit)
      return fail(Errc::kInvalid, "{}: {} is not in (0, {}]", full(name), value, limit);
    return value;
  }

 private:
  const ModelFile& file_;
  std::string prefix_;
};

/// Keys that change the arithmetic in ways the programs do not follow, with the value that changes
/// nothing.
Result<void> refuse_variants(const Keys& keys) {
  struct Neutral {
    std::string_view key;
    double value;
  };
  static constexpr std::array<Neutral, 7> kNeutral{{{"rope.scaling.factor", 1},
                                                    {"rope.scale_linear", 1},
                                                    {"rope.scaling.attn_factor", 1},
                                                    {"expert_count", 0},
                                                    {"attention.sliding_window", 0},
                                                    {"logit_scale", 1},
                                                    {"residual_scale", 1}}};
  const std::string type_key = keys.full("rope.scaling.type");
  PX_TRY(const auto scaling, keys.file().metadata.find_text(type_key));
  if (scaling && *scaling != "none" && *scaling != "linear")
    return fail(Errc::kUnsupported, "{}: \"{}\" is not supported yet", type_key, *scaling);
  for (const Neutral& row : kNeutral) {
    PX_TRY(const auto value, keys.file().metadata.find_real(keys.full(row.key)));
    if (value && *value != row.value)
      return fail(Errc::kUnsupported, "{}: {} is not supported yet (only {} is)",
                  keys.full(row.key), *value, row.value);
  }
  return {};
}

/// Head counts and sizes. Query and key/value heads group evenly, and rotation works on pairs of
/// elements.
Result<void> read_heads(const Keys& keys, LlamaShape& out) {
  PX_TRY(out.n_head, keys.positive("attention.head_count"));
  PX_TRY(out.n_kv, keys.positive_or("attention.head_count_kv", out.n_head));
  if (out.n_head % out.n_kv != 0)
    return fail(Errc::kInvalid, "{} {} is not a multiple of head_count_kv {}",
                keys.full("attention.head_count"), out.n_head, out.n_kv);
  if (!keys.has("attention.key_length") && out.dim % out.n_head != 0)
    return fail(Errc::kInvalid, "{} {} is not a multiple of head_count {}",
                keys.full("embedding_length"), out.dim, out.n_head);
  PX_TRY(out.head_dim, keys.positive_or("attention.key_length", out.dim / out.n_head));
  PX_TRY(const std::int64_t value_dim, keys.positive_or("attention.value_length", out.head_dim));
  if (value_dim != out.head_dim)
    return fail(Errc::kUnsupported, "{} {} differs from key_length {}",
                keys.full("attention.value_length"), value_dim, out.head_dim);
  PX_TRY(out.rope_dims, keys.positive_or("rope.dimension_count", out.head_dim));
  if (out.rope_dims > out.head_dim || out.rope_dims % 2 != 0)
    return fail(Errc::kInvalid, "{} {} is not an even number up to the head size {}",
                keys.full("rope.dimension_count"), out.rope_dims, out.head_dim);
  return {};
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

/// The tensors of a layer, in the order the forward pass reads them.
void add_layer(const LlamaShape& s, std::int64_t layer, std::vector<LlamaTensor>& out) {
  const std::string prefix = fmt::format("blk.{}.", layer);
  const std::int64_t q = s.n_head * s.head_dim;
  const std::int64_t kv = s.n_kv * s.head_dim;
  out.push_back({prefix + "attn_norm.weight", {s.dim}});
  out.push_back({prefix + "attn_q.weight", {q, s.dim}});
  out.push_back({prefix + "attn_k.weight", {kv, s.dim}});
  out.push_back({prefix + "attn_v.weight", {kv, s.dim}});
  if (s.family.qkv_bias) {
    out.push_back({prefix + "attn_q.bias", {q}});
    out.push_back({prefix + "attn_k.bias", {kv}});
    out.push_back({prefix + "attn_v.bias", {kv}});
  }
  out.push_back({prefix + "attn_output.weight", {s.dim, q}});
  out.push_back({prefix + "ffn_norm.weight", {s.dim}});
  out.push_back({prefix + "ffn_gate.weight", {s.ffn_dim, s.dim}});
  out.push_back({prefix + "ffn_up.weight", {s.ffn_dim, s.dim}});
  out.push_back({prefix + "ffn_down.weight", {s.dim, s.ffn_dim}});
}

/// Errors: kUnsupported names the first tensor of the file that is not among `taken`.
Result<void> refuse_others(const ModelFile& file, const std::set<std::string>& taken,
                           std::string_view architecture) {
  for (const ModelTensor& tensor : file.tensors) {
    if (taken.contains(tensor.name)) continue;
    if (tensor.name.starts_with("rope_freqs"))
      return fail(Errc::kUnsupported, "tensor {}: rope frequency factors are not supported yet",
                  tensor.name);
    return fail(Errc::kUnsupported,
                "tensor {}: the {} program has no use for it, so leaving it out would change the "
                "model",
                tensor.name, architecture);
  }
  return {};
}

}  // namespace

std::span<const LlamaFamily> llama_families() {
  return kFamilies;
}

Result<LlamaFamily> find_llama_family(std::string_view architecture) {
  std::string names;
  for (const LlamaFamily& family : kFamilies) {
    if (family.architecture == architecture) return family;
    names += (names.empty() ? "" : ", ") + std::string(family.architecture);
  }
  return fail(Errc::kUnsupported,
              "architecture \"{}\" is not supported yet: it needs a forward program and a tensor "
              "table (there are: {})",
              architecture, names);
}

Result<LlamaShape> read_llama_shape(const ModelFile& file, const LlamaFamily& family) {
  const Keys keys(file, family.architecture);
  PX_CHECK(refuse_variants(keys));
  LlamaShape out;
  out.family = family;
  PX_TRY(out.n_layer, keys.positive("block_count"));
  PX_TRY(out.dim, keys.positive("embedding_length"));
  PX_TRY(out.ffn_dim, keys.positive("feed_forward_length"));
  PX_TRY(out.ctx, keys.positive("context_length"));
  PX_CHECK(read_heads(keys, out));
  PX_TRY(out.rms_eps, keys.real("attention.layer_norm_rms_epsilon", 1.0, 0));
  PX_TRY(out.rope_base, keys.real("rope.freq_base", 1e12, 10000.0));
  const ModelTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    return fail(Errc::kInvalid, "tensor token_embd.weight is missing or not a matrix");
  out.vocab = embedding->shape[0];
  PX_TRY(const std::int64_t vocab, keys.positive_or("vocab_size", out.vocab));
  if (vocab != out.vocab || vocab > kMaxValue)
    return fail(Errc::kInvalid, "{} {}, but token_embd.weight has {} rows", keys.full("vocab_size"),
                vocab, out.vocab);
  return out;
}

std::vector<LlamaTensor> llama_layout(const LlamaShape& shape, bool own_head) {
  std::vector<LlamaTensor> out{{"token_embd.weight", {shape.vocab, shape.dim}}};
  for (std::int64_t layer = 0; layer < shape.n_layer; ++layer) add_layer(shape, layer, out);
  out.push_back({"output_norm.weight", {shape.dim}});
  if (own_head) out.push_back({"output.weight", {shape.vocab, shape.dim}});
  return out;
}

Result<std::vector<const ModelTensor*>> llama_tensors(const ModelFile& file,
                                                      const LlamaShape& shape) {
  // More layers than tensors: some are missing, and the list of a hostile count would not end.
  if (static_cast<std::uint64_t>(shape.n_layer) > file.tensors.size())
    return fail(Errc::kInvalid, "{}.block_count {}, but the file has {} tensors",
                shape.family.architecture, shape.n_layer, file.tensors.size());
  // A model without its own head shares the embedding; the program names it as the fallback.
  const bool own_head = file.find_tensor("output.weight") != nullptr;
  std::vector<const ModelTensor*> out;
  std::set<std::string> taken;
  for (const LlamaTensor& wanted : llama_layout(shape, own_head)) {
    const ModelTensor* tensor = file.find_tensor(wanted.name);
    if (tensor == nullptr)
      return fail(Errc::kInvalid, "tensor {} {} is missing", wanted.name, shape_text(wanted.shape));
    if (tensor->shape != wanted.shape)
      return fail(Errc::kInvalid, "tensor {}: shape {}, the hyper-parameters say {}", wanted.name,
                  shape_text(tensor->shape), shape_text(wanted.shape));
    out.push_back(tensor);
    taken.insert(wanted.name);
  }
  PX_CHECK(refuse_others(file, taken, shape.family.architecture));
  return out;
}

}  // namespace pxos::cartridges
