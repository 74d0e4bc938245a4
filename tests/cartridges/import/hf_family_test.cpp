#include "cartridges/import/hf_family.hpp"

#include <set>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::cartridges::find_hf_family;
using pxos::cartridges::hf_families;
using pxos::cartridges::hf_target;
using pxos::cartridges::HfChange;
using pxos::cartridges::HfFamily;
using pxos::cartridges::is_hf_buffer;

namespace {

std::string name_in(std::string_view type, std::string_view name) {
  const auto target = hf_target(*find_hf_family(type).value(), name, 12);
  return target ? target->name : "";
}

}  // namespace

TEST_CASE("Names of every family lead to different tensors", "[hf]") {
  std::set<std::string_view> types;
  for (const HfFamily& family : hf_families()) {
    CHECK(types.insert(family.model_type).second);
    std::set<std::string_view> theirs;
    std::set<std::string_view> ours;
    for (const auto& row : family.names) {
      CHECK(theirs.insert(row.theirs).second);
      CHECK(ours.insert(row.ours).second);
      CHECK((row.theirs.find("{}") == std::string_view::npos) ==
            (row.ours.find("{}") == std::string_view::npos));
    }
  }
}

TEST_CASE("Layers, weights and biases are translated", "[hf]") {
  CHECK(name_in("llama", "model.embed_tokens.weight") == "token_embd.weight");
  CHECK(name_in("llama", "model.layers.11.self_attn.q_proj.weight") == "blk.11.attn_q.weight");
  CHECK(name_in("qwen2", "model.layers.0.self_attn.k_proj.bias") == "blk.0.attn_k.bias");
  CHECK(name_in("gemma3_text", "model.layers.3.pre_feedforward_layernorm.weight") ==
        "blk.3.ffn_norm.weight");
  CHECK(name_in("gpt2", "h.2.attn.c_attn.bias") == "blk.2.attn_qkv.bias");
  CHECK(name_in("gpt2", "transformer.h.2.attn.c_attn.bias") == "blk.2.attn_qkv.bias");
  CHECK(name_in("gpt2", "lm_head.weight") == "output.weight");
  const auto& llama = *find_hf_family("llama").value();
  CHECK(hf_target(llama, "model.layers.1.self_attn.q_proj.weight", 2)->change ==
        HfChange::kRotated);
}

TEST_CASE("A name that is not one is not taken for another", "[hf]") {
  for (const char* name :
       {"model.layers.12.self_attn.q_proj.weight", "model.layers.01.self_attn.q_proj.weight",
        "model.layers.-1.self_attn.q_proj.weight", "model.layers..self_attn.q_proj.weight",
        "model.layers.1x.self_attn.q_proj.weight", "model.layers.1.self_attn.q_proj",
        "model.layers.99999999999999999999.self_attn.q_proj.weight", "model.norm.scale", ""})
    CHECK(name_in("llama", name).empty());
}

TEST_CASE("Computed buffers are known, unknown types are named", "[hf]") {
  CHECK(is_hf_buffer("h.0.attn.bias"));
  CHECK(is_hf_buffer("model.layers.0.self_attn.rotary_emb.inv_freq"));
  CHECK_FALSE(is_hf_buffer("h.0.attn.c_attn.bias"));
  const auto unknown = find_hf_family("mamba");
  CHECK_THAT(unknown.error().message, Contains("\"mamba\"") && Contains("llama, mistral"));
}
