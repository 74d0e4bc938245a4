#include "cartridges/import/hf_family.hpp"

#include <array>
#include <charconv>

namespace pxos::cartridges {
namespace {

// What llama, mistral, qwen2, qwen3 and smollm3 share.
constexpr std::array<HfName, 14> kLlamaNames{{
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {"model.layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {"model.layers.{}.self_attn.q_proj", "blk.{}.attn_q", HfChange::kRotated},
    {"model.layers.{}.self_attn.k_proj", "blk.{}.attn_k", HfChange::kRotated},
    {"model.layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {"model.layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {"model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"},
    {"model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {"model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {"model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {"model.layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {"model.layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
}};

// Norms before and after both halves of a layer; gains are stored as w of (1 + w).
constexpr std::array<HfName, 16> kGemmaNames{{
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm", HfChange::kGain},
    {"lm_head", "output"},
    {"model.layers.{}.input_layernorm", "blk.{}.attn_norm", HfChange::kGain},
    {"model.layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {"model.layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {"model.layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {"model.layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {"model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm", HfChange::kGain},
    {"model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm", HfChange::kGain},
    {"model.layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm", HfChange::kGain},
    {"model.layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm", HfChange::kGain},
    {"model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {"model.layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {"model.layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {"model.layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm", HfChange::kGain},
}};

// Norms only behind each half of a layer.
constexpr std::array<HfName, 14> kOlmo2Names{{
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {"model.layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {"model.layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {"model.layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {"model.layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {"model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"},
    {"model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {"model.layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm"},
    {"model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {"model.layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {"model.layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {"model.layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm"},
}};

// Query, key and value in one matrix, gate and up in another.
constexpr std::array<HfName, 9> kPhi3Names{{
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {"model.layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {"model.layers.{}.self_attn.qkv_proj", "blk.{}.attn_qkv"},
    {"model.layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {"model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {"model.layers.{}.mlp.gate_up_proj", "blk.{}.ffn_up"},
    {"model.layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
}};

// Checkpoints of the bare model leave "transformer." out; hf_target adds it.
constexpr std::array<HfName, 10> kGpt2Names{{
    {"transformer.wte", "token_embd"},
    {"transformer.wpe", "position_embd"},
    {"transformer.ln_f", "output_norm"},
    {"lm_head", "output"},
    {"transformer.h.{}.ln_1", "blk.{}.attn_norm"},
    {"transformer.h.{}.attn.c_attn", "blk.{}.attn_qkv", HfChange::kLinear},
    {"transformer.h.{}.attn.c_proj", "blk.{}.attn_output", HfChange::kLinear},
    {"transformer.h.{}.ln_2", "blk.{}.ffn_norm"},
    {"transformer.h.{}.mlp.c_fc", "blk.{}.ffn_up", HfChange::kLinear},
    {"transformer.h.{}.mlp.c_proj", "blk.{}.ffn_down", HfChange::kLinear},
}};

constexpr std::array<HfFamily, 9> kFamilies{{
    {"llama", "llama", kLlamaNames, true, false, false, 10000.0},
    {"mistral", "llama", kLlamaNames, true, false, false, 10000.0},
    {"qwen2", "qwen2", kLlamaNames, false, false, false, 10000.0},
    {"qwen3", "qwen3", kLlamaNames, false, false, false, 10000.0},
    {"smollm3", "smollm3", kLlamaNames, true, false, true, 2000000.0},
    {"gpt2", "gpt2", kGpt2Names, false, false, true, 10000.0},
    {"gemma3_text", "gemma3", kGemmaNames, false, true, true, 1000000.0},
    {"phi3", "phi3", kPhi3Names, false, false, false, 10000.0},
    {"olmo2", "olmo2", kOlmo2Names, false, false, false, 10000.0},
}};

/// The layer of `name` by `pattern`, which has "{}" in its middle; empty when it does not match.
std::optional<std::int64_t> layer_of(std::string_view name, std::string_view pattern) {
  const std::size_t hole = pattern.find("{}");
  const std::string_view head = pattern.substr(0, hole);
  const std::string_view tail = pattern.substr(hole + 2);
  if (!name.starts_with(head) || !name.ends_with(tail) || name.size() <= head.size() + tail.size())
    return {};
  const std::string_view digits = name.substr(head.size(), name.size() - head.size() - tail.size());
  // One spelling per number, so that two names never mean one tensor.
  if (digits.size() > 6 || (digits.size() > 1 && digits.front() == '0')) return {};
  std::int64_t layer = -1;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), layer);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size() || layer < 0) return {};
  return layer;
}

std::optional<HfTarget> match(const HfName& row, std::string_view stem, std::string_view suffix) {
  const std::size_t hole = row.theirs.find("{}");
  if (hole == std::string_view::npos) {
    if (stem != row.theirs) return {};
    return HfTarget{std::string(row.ours) + std::string(suffix), row.change, -1};
  }
  const auto layer = layer_of(stem, row.theirs);
  if (!layer) return {};
  const std::size_t ours = row.ours.find("{}");
  return HfTarget{
      fmt::format("{}{}{}{}", row.ours.substr(0, ours), *layer, row.ours.substr(ours + 2), suffix),
      row.change, *layer};
}

}  // namespace

std::span<const HfFamily> hf_families() {
  return kFamilies;
}

Result<const HfFamily*> find_hf_family(std::string_view model_type) {
  std::string names;
  for (const HfFamily& family : kFamilies) {
    if (family.model_type == model_type) return &family;
    names += (names.empty() ? "" : ", ") + std::string(family.model_type);
  }
  return fail(Errc::kUnsupported,
              "model_type \"{}\" is not known: it needs a table of tensor names and a forward "
              "program (there are: {})",
              model_type, names);
}

std::optional<HfTarget> hf_target(const HfFamily& family, std::string_view name,
                                  std::int64_t layers) {
  std::string full(name);
  const bool is_bare = family.architecture == "gpt2" && !name.starts_with("transformer.") &&
                       !name.starts_with("lm_head.");
  if (is_bare) full = "transformer." + full;
  for (const std::string_view suffix : {".weight", ".bias"}) {
    if (!std::string_view(full).ends_with(suffix)) continue;
    const std::string_view stem = std::string_view(full).substr(0, full.size() - suffix.size());
    for (const HfName& row : family.names) {
      auto target = match(row, stem, suffix);
      if (target && target->layer < layers) return target;
    }
  }
  return {};
}

bool is_hf_buffer(std::string_view name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name.ends_with(".rotary_emb.inv_freq");
}

}  // namespace pxos::cartridges
