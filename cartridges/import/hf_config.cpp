#include "cartridges/import/hf_config.hpp"

#include "cartridges/import/hf_rope.hpp"
#include "cartridges/json.hpp"
#include "cartridges/json_guard.hpp"

#include <algorithm>
#include <initializer_list>
#include <limits>

namespace pxos::cartridges {
namespace {

constexpr std::int64_t kMaxValue = std::int64_t{1} << 28U;
constexpr std::size_t kMaxStops = 64;

Result<Json> parse_document(Bytes text, std::string_view what) {
  PX_CHECK(check_json(text, what));
  Json out = Json::parse(text.begin(), text.end(), nullptr, false);
  if (out.is_discarded()) return fail(Errc::kInvalid, "{}: not JSON", what);
  return out;
}

/// A value that is there and not null; these files write null for "not set".
const Json* present(const JsonObject& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::int64_t> size_or(const JsonObject& object, std::string_view key,
                             std::int64_t fallback) {
  const Json* value = present(object, key);
  if (value == nullptr && fallback > 0) return fallback;
  PX_TRY(const std::int64_t size, object.integer(key));
  if (size < 1 || size > kMaxValue)
    return fail(Errc::kInvalid, "{}: {} is not in [1, {}]", object.at(key), size, kMaxValue);
  return size;
}
Result<std::int64_t> size(const JsonObject& object, std::string_view key) {
  return size_or(object, key, 0);
}

Result<bool> flag_or(const JsonObject& object, std::string_view key, bool fallback) {
  const Json* value = present(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean())
    return fail(Errc::kInvalid, "{}: expected true or false, found {}", object.at(key),
                value->type_name());
  return value->get<bool>();
}

/// Errors: kUnsupported when `key` is there and is not one of `accepted`.
Result<void> need_text(const JsonObject& object, std::string_view key,
                       std::initializer_list<std::string_view> accepted) {
  if (present(object, key) == nullptr) return {};
  PX_TRY(const std::string text, object.text(key));
  if (std::find(accepted.begin(), accepted.end(), text) != accepted.end()) return {};
  return fail(Errc::kUnsupported, "{}: \"{}\" is not supported, \"{}\" is", object.at(key), text,
              *accepted.begin());
}

/// Errors: kUnsupported when `key` is there with another value: the program computes with this one.
Result<void> need_flag(const JsonObject& object, std::string_view key, bool wanted) {
  PX_TRY(const bool value, flag_or(object, key, wanted));
  if (value == wanted) return {};
  return fail(Errc::kUnsupported, "{}: {} is not supported", object.at(key), value);
}

/// Errors: kUnsupported when a number is there and differs from `wanted`.
Result<void> need_number(const JsonObject& object, std::string_view key, double wanted) {
  if (present(object, key) == nullptr) return {};
  PX_TRY(const double value, object.real(key));
  if (value == wanted) return {};
  return fail(Errc::kUnsupported, "{}: {} is not supported, {} is", object.at(key), value, wanted);
}

/// An id or a list of ids.
Result<std::vector<std::int32_t>> read_ids(const JsonObject& object, std::string_view key) {
  std::vector<std::int32_t> out;
  const Json* value = present(object, key);
  if (value == nullptr) return out;
  const Json list = value->is_array() ? *value : Json::array({*value});
  if (list.size() > kMaxStops)
    return fail(Errc::kLimit, "{}: {} ids, at most {}", object.at(key), list.size(), kMaxStops);
  for (const Json& item : list) {
    PX_TRY(const std::int64_t id, JsonObject::as_integer(item, object.at(key)));
    if (id < 0 || id > std::numeric_limits<std::int32_t>::max())
      return fail(Errc::kInvalid, "{}: id {}", object.at(key), id);
    out.push_back(static_cast<std::int32_t>(id));
  }
  return out;
}

/// Writes "<architecture>.<key>".
class Keys {
 public:
  explicit Keys(HfConfig& out) : out_(out) {}
  void integer(std::string_view key, std::int64_t value) {
    out_.metadata.set_integer(full(key), static_cast<std::uint32_t>(value));
  }
  void real(std::string_view key, double value) { out_.metadata.set_real(full(key), value); }

 private:
  [[nodiscard]] std::string full(std::string_view key) const {
    return fmt::format("{}.{}", out_.family->architecture, key);
  }
  HfConfig& out_;
};

Result<void> read_gpt2(const JsonObject& config, HfConfig& out) {
  PX_CHECK(need_text(config, "activation_function", {"gelu_new", "gelu_pytorch_tanh"}));
  PX_CHECK(need_flag(config, "scale_attn_weights", true));
  PX_CHECK(need_flag(config, "scale_attn_by_inverse_layer_idx", false));
  PX_CHECK(need_flag(config, "add_cross_attention", false));
  PX_TRY(out.layers, size(config, "n_layer"));
  PX_TRY(out.width, size(config, "n_embd"));
  PX_TRY(out.heads, size(config, "n_head"));
  PX_TRY(const std::int64_t ffn, size_or(config, "n_inner", 4 * out.width));
  PX_TRY(const std::int64_t positions, size(config, "n_positions"));
  PX_TRY(const double eps, config.real_or("layer_norm_epsilon", 1e-5));
  out.kv_heads = out.heads;
  out.head_dim = out.width / out.heads;
  Keys keys(out);
  keys.integer("block_count", out.layers);
  keys.integer("embedding_length", out.width);
  keys.integer("feed_forward_length", ffn);
  keys.integer("context_length", positions);
  keys.integer("attention.head_count", out.heads);
  // As f32, the width it is computed with.
  keys.real("attention.layer_norm_epsilon", static_cast<double>(static_cast<float>(eps)));
  return {};
}

/// Windows of attention. Families differ in how they say "none".
Result<void> read_window(const JsonObject& config, std::int64_t positions, HfConfig& out) {
  const std::string_view type = out.family->model_type;
  if (type == "qwen2" || type == "qwen3" || type == "smollm3")
    return need_flag(config, "use_sliding_window", false);
  if (present(config, "sliding_window") == nullptr) return {};
  PX_TRY(const std::int64_t window, size(config, "sliding_window"));
  // A window as wide as the context cuts nothing off.
  if (window < positions) Keys(out).integer("attention.sliding_window", window);
  return {};
}

/// Errors: kUnsupported unless every sixth layer, and no other, attends to everything.
Result<void> check_gemma_layers(const JsonObject& config) {
  PX_TRY(const Json* layers, config.array_or_null("layer_types"));
  for (std::size_t i = 0; layers != nullptr && i < layers->size(); ++i)
    if ((*layers)[i] != ((i + 1) % 6 == 0 ? "full_attention" : "sliding_attention"))
      return fail(Errc::kUnsupported, "{}: only five sliding layers to one full are supported",
                  config.at("layer_types"));
  return {};
}

/// What a forward program takes for granted and a config could change.
Result<void> check_special(const JsonObject& config, const HfConfig& out) {
  const std::string_view type = out.family->model_type;
  if (type == "gemma3_text") {
    PX_CHECK(need_text(config, "hidden_activation", {"gelu_pytorch_tanh"}));
    PX_CHECK(need_number(config, "query_pre_attn_scalar", static_cast<double>(out.head_dim)));
    PX_CHECK(need_number(config, "rope_local_base_freq", 10000.0));
    PX_CHECK(need_number(config, "sliding_window_pattern", 6));
    PX_CHECK(need_number(config, "_sliding_window_pattern", 6));
    PX_CHECK(need_number(config, "attn_logit_softcapping", 0));
    PX_CHECK(need_number(config, "final_logit_softcapping", 0));
    return check_gemma_layers(config);
  }
  PX_CHECK(need_text(config, "hidden_act", {"silu", "swish"}));
  if (type == "smollm3") PX_CHECK(need_number(config, "no_rope_layer_interval", 4));
  const Json* layers = present(config, "no_rope_layers");
  if (type != "smollm3" || layers == nullptr) return {};
  for (std::size_t i = 0; layers->is_array() && i < layers->size(); ++i)
    if ((*layers)[i] != ((i + 1) % 4 == 0 ? 0 : 1))
      return fail(Errc::kUnsupported, "{}: only every fourth layer without rotation is supported",
                  config.at("no_rope_layers"));
  return {};
}

Result<void> read_llama_like(const JsonObject& config, HfConfig& out) {
  PX_TRY(out.layers, size(config, "num_hidden_layers"));
  PX_TRY(out.width, size(config, "hidden_size"));
  PX_TRY(out.heads, size(config, "num_attention_heads"));
  PX_TRY(out.kv_heads, size_or(config, "num_key_value_heads", out.heads));
  PX_TRY(const std::int64_t ffn, size(config, "intermediate_size"));
  PX_TRY(const std::int64_t positions, size(config, "max_position_embeddings"));
  PX_TRY(const double eps, config.real_or("rms_norm_eps", 1e-6));
  const bool has_head_dim = present(config, "head_dim") != nullptr;
  if (!has_head_dim && out.width % out.heads != 0)
    return fail(Errc::kInvalid, "{}: {} is not a multiple of num_attention_heads {}",
                config.at("hidden_size"), out.width, out.heads);
  PX_TRY(out.head_dim,
         size_or(config, "head_dim", std::max<std::int64_t>(out.width / out.heads, 1)));
  Keys keys(out);
  keys.integer("block_count", out.layers);
  keys.integer("embedding_length", out.width);
  keys.integer("feed_forward_length", ffn);
  keys.integer("context_length", positions);
  keys.integer("attention.head_count", out.heads);
  keys.integer("attention.head_count_kv", out.kv_heads);
  keys.integer("attention.key_length", out.head_dim);
  keys.integer("attention.value_length", out.head_dim);
  keys.real("attention.layer_norm_rms_epsilon", static_cast<double>(static_cast<float>(eps)));
  PX_CHECK(check_special(config, out));
  PX_CHECK(read_window(config, positions, out));
  return read_hf_rope(config.json(), positions, out);
}

}  // namespace

Result<HfConfig> parse_hf_config(Bytes json) {
  PX_TRY(const Json document, parse_document(json, "config.json"));
  PX_TRY(const JsonObject config, JsonObject::of(document, "config.json"));
  PX_TRY(const std::string model_type, config.text("model_type"));
  HfConfig out;
  PX_TRY(out.family, find_hf_family(model_type));
  out.metadata.set_text("general.architecture", out.family->architecture);
  if (present(config, "quantization_config") != nullptr)
    return fail(Errc::kUnsupported, "{}: quantised checkpoints are not supported",
                config.at("quantization_config"));
  PX_CHECK(out.family->architecture == "gpt2" ? read_gpt2(config, out)
                                              : read_llama_like(config, out));
  PX_TRY(out.vocab, size(config, "vocab_size"));
  Keys(out).integer("vocab_size", out.vocab);
  PX_TRY(out.tied, flag_or(config, "tie_word_embeddings", out.family->tied_by_default));
  PX_TRY(out.stop_ids, read_ids(config, "eos_token_id"));
  return out;
}

Result<std::vector<std::int32_t>> parse_generation_config(Bytes json) {
  PX_TRY(const Json document, parse_document(json, "generation_config.json"));
  PX_TRY(const JsonObject config, JsonObject::of(document, "generation_config.json"));
  return read_ids(config, "eos_token_id");
}

Result<std::string> parse_chat_template(Bytes tokenizer_config) {
  PX_TRY(const Json document, parse_document(tokenizer_config, "tokenizer_config.json"));
  PX_TRY(const JsonObject config, JsonObject::of(document, "tokenizer_config.json"));
  const Json* value = present(config, "chat_template");
  if (value == nullptr) return std::string();
  if (!value->is_array()) return config.text("chat_template");
  for (const Json& item : *value) {
    PX_TRY(const JsonObject named, JsonObject::of(item, config.at("chat_template")));
    PX_TRY(const std::string name, named.text("name"));
    if (name == "default") return named.text("template");
  }
  return std::string();
}

}  // namespace pxos::cartridges
