#include "cartridges/import/hf_config.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using Catch::Contains;
using pxos::as_bytes;
using pxos::Errc;
using pxos::cartridges::HfConfig;
using pxos::cartridges::parse_chat_template;
using pxos::cartridges::parse_generation_config;
using pxos::cartridges::parse_hf_config;

namespace {

/// A small model of `type`; `more` replaces or adds keys, later ones in front.
std::string config_text(std::string_view type, std::string_view more = "") {
  return fmt::format(
      R"({{"model_type":"{}","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,)"
      R"("num_key_value_heads":2,"intermediate_size":128,"max_position_embeddings":512,)"
      R"("rms_norm_eps":1e-5,"vocab_size":100{}{}}})",
      type, more.empty() ? "" : ",", more);
}

pxos::Result<HfConfig> parse(std::string_view type, std::string_view more = "") {
  return parse_hf_config(as_bytes(config_text(type, more)));
}

std::string refusal(std::string_view type, std::string_view more) {
  const auto config = parse(type, more);
  REQUIRE_FALSE(config.has_value());
  return config.error().message;
}

}  // namespace

TEST_CASE("A llama config becomes GGUF's keys", "[hf]") {
  const auto config =
      parse("llama", R"("rope_theta":500000.0,"eos_token_id":[2,5],"head_dim":null)");
  REQUIRE(config.has_value());
  const auto& data = config->metadata;
  CHECK(data.text("general.architecture").value() == "llama");
  CHECK(data.integer("llama.block_count").value() == 2);
  CHECK(data.integer("llama.embedding_length").value() == 64);
  CHECK(data.integer("llama.feed_forward_length").value() == 128);
  CHECK(data.integer("llama.attention.head_count_kv").value() == 2);
  CHECK(data.integer("llama.attention.key_length").value() == 16);
  CHECK(data.integer("llama.rope.dimension_count").value() == 16);
  CHECK(data.real("llama.rope.freq_base").value() == 500000.0);
  CHECK(data.real("llama.attention.layer_norm_rms_epsilon").value() == double{1e-5F});
  CHECK(config->stop_ids == std::vector<std::int32_t>{2, 5});
  CHECK_FALSE(config->tied);
  CHECK(config->family->interleaved);
}

TEST_CASE("A GPT-2 config becomes GGUF's keys", "[hf]") {
  const auto config = parse_hf_config(as_bytes(
      R"({"model_type":"gpt2","n_embd":48,"n_head":3,"n_layer":3,"vocab_size":3,"n_positions":11,)"
      R"("layer_norm_epsilon":1e-05,"activation_function":"gelu_new"})"));
  REQUIRE(config.has_value());
  CHECK(config->metadata.integer("gpt2.feed_forward_length").value() == 192);
  CHECK(config->metadata.integer("gpt2.context_length").value() == 11);
  CHECK(config->metadata.has("gpt2.attention.layer_norm_epsilon"));
  CHECK(config->tied);
}

TEST_CASE("What a program does not compute is named", "[hf]") {
  CHECK_THAT(refusal("llama", R"("hidden_act":"relu")"), Contains("hidden_act: \"relu\""));
  CHECK_THAT(refusal("llama", R"("quantization_config":{"bits":4})"),
             Contains("quantised checkpoints"));
  CHECK_THAT(refusal("qwen2", R"("use_sliding_window":true)"), Contains("use_sliding_window"));
  CHECK_THAT(refusal("gemma3_text", R"("query_pre_attn_scalar":168,"head_dim":16)"),
             Contains("query_pre_attn_scalar"));
  CHECK_THAT(refusal("gemma3_text", R"("layer_types":["full_attention"])"),
             Contains("layer_types"));
  CHECK_THAT(refusal("smollm3", R"("no_rope_layers":[1,0])"), Contains("no_rope_layers"));
  CHECK_THAT(refusal("resnet", ""), Contains("model_type \"resnet\""));
}

TEST_CASE("Windows that cut something off are kept", "[hf]") {
  CHECK(parse("mistral", R"("sliding_window":128)")
            ->metadata.integer("llama.attention.sliding_window")
            .value() == 128);
  CHECK_FALSE(
      parse("mistral", R"("sliding_window":512)")->metadata.has("llama.attention.sliding_window"));
  CHECK_FALSE(
      parse("mistral", R"("sliding_window":null)")->metadata.has("llama.attention.sliding_window"));
}

TEST_CASE("Sizes out of range and of the wrong type are refused", "[hf]") {
  const auto with = [](std::string_view key, std::string_view value) {
    std::string text = config_text("llama");
    const std::size_t at = text.find(fmt::format("\"{}\":", key)) + key.size() + 3;
    text.replace(at, text.find_first_of(",}", at) - at, value);
    const auto config = parse_hf_config(as_bytes(text));
    return config ? std::string() : config.error().message;
  };
  CHECK(with("hidden_size", "64").empty());
  CHECK_THAT(with("hidden_size", "0"), Contains("hidden_size: 0 is not in"));
  CHECK_THAT(with("hidden_size", "-64"), Contains("hidden_size"));
  CHECK_THAT(with("hidden_size", "9223372036854775807"), Contains("hidden_size"));
  CHECK_THAT(with("hidden_size", "\"64\""), Contains("expected an integer"));
  CHECK_THAT(with("hidden_size", "63"), Contains("not a multiple of num_attention_heads"));
  CHECK_THAT(with("hidden_size", "null"), Contains("hidden_size"));
  CHECK_THAT(with("rms_norm_eps", "\"x\""), Contains("rms_norm_eps"));
}

TEST_CASE("Damaged JSON never becomes a config", "[hf]") {
  const std::string text = config_text("llama");
  for (std::size_t length = 0; length < text.size(); ++length)
    CHECK_FALSE(parse_hf_config(as_bytes(text.substr(0, length))).has_value());
  CHECK_FALSE(parse_hf_config(as_bytes("[]")).has_value());
  CHECK_FALSE(parse_hf_config(as_bytes(R"({"model_type":"llama","model_type":"llama"})")));
}

TEST_CASE("Stop ids and chat templates have several forms", "[hf]") {
  const auto ids = [](std::string_view text) { return parse_generation_config(as_bytes(text)); };
  CHECK(ids(R"({"eos_token_id":7})").value() == std::vector<std::int32_t>{7});
  CHECK(ids(R"({"eos_token_id":[1,2]})").value().size() == 2);
  CHECK(ids(R"({})").value().empty());
  CHECK_FALSE(ids(R"({"eos_token_id":-1})").has_value());
  CHECK_FALSE(ids(R"({"eos_token_id":"x"})").has_value());
  const auto chat = [](std::string_view text) { return parse_chat_template(as_bytes(text)); };
  CHECK(chat(R"({"chat_template":"x"})").value() == "x");
  CHECK(
      chat(
          R"({"chat_template":[{"name":"tool","template":"t"},{"name":"default","template":"d"}]})")
          .value() == "d");
  CHECK(chat(R"({"chat_template":null})").value().empty());
  CHECK_FALSE(chat(R"({"chat_template":3})").has_value());
}
