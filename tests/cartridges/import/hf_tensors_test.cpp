#include "cartridges/import/hf_folder.hpp"
#include "tests/cartridges/safetensors_builder.hpp"

#include <cstring>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::as_bytes;
using pxos::ByteVector;
using pxos::cartridges::add_hf_tensors;
using pxos::cartridges::HfConfig;
using pxos::cartridges::ModelTensors;
using pxos::cartridges::parse_hf_config;
using pxos::cartridges::SafetensorsFile;
using pxos::test::SafetensorsBuilder;

namespace {

constexpr const char* kLlama =
    R"({"model_type":"llama","hidden_size":4,"num_hidden_layers":1,"num_attention_heads":1,)"
    R"("intermediate_size":8,"max_position_embeddings":16,"vocab_size":3,)"
    R"("tie_word_embeddings":TIED})";
constexpr const char* kGpt2 =
    R"({"model_type":"gpt2","n_embd":2,"n_head":1,"n_layer":1,"vocab_size":3,"n_positions":4})";

HfConfig config_of(std::string text, bool tied) {
  const std::size_t at = text.find("TIED");
  if (at != std::string::npos) text.replace(at, 4, tied ? "true" : "false");
  return parse_hf_config(as_bytes(text)).value();
}

pxos::Result<ModelTensors> translate(const ByteVector& file, HfConfig config) {
  const std::vector<SafetensorsFile> parts{SafetensorsFile::parse(file).value()};
  ModelTensors out;
  const auto done = add_hf_tensors(parts, config, out);
  if (!done) return tl::unexpected<pxos::Error>(done.error());
  return out;
}

std::vector<float> values_of(const ModelTensors& tensors, std::string_view name) {
  const auto* tensor = tensors.find(name);
  REQUIRE(tensor != nullptr);
  REQUIRE(tensor->dtype == pxos::tensor::DType::kF32);
  ByteVector bytes(tensor->bytes());
  REQUIRE(tensor->read(0, bytes).has_value());
  std::vector<float> out(tensor->elements());
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

}  // namespace

TEST_CASE("Query rows and their biases are interleaved, value rows are not", "[hf]") {
  SafetensorsBuilder file;
  file.counting("lm_head.weight", {3, 4});
  file.counting("model.embed_tokens.weight", {3, 4});
  file.counting("model.layers.0.self_attn.q_proj.weight", {4, 1});
  file.counting("model.layers.0.self_attn.q_proj.bias", {4});
  file.counting("model.layers.0.self_attn.v_proj.weight", {4, 1});
  const ByteVector bytes = file.build();
  const auto tensors = translate(bytes, config_of(kLlama, false));
  REQUIRE(tensors.has_value());
  CHECK(values_of(*tensors, "blk.0.attn_q.weight") == std::vector<float>{0, 2, 1, 3});
  CHECK(values_of(*tensors, "blk.0.attn_q.bias") == std::vector<float>{0, 2, 1, 3});
  CHECK(values_of(*tensors, "blk.0.attn_v.weight") == std::vector<float>{0, 1, 2, 3});
}

TEST_CASE("A tied matrix is the embedding under whichever name it is stored", "[hf]") {
  SafetensorsBuilder head_only;
  head_only.counting("lm_head.weight", {3, 4}, 5);
  const ByteVector one = head_only.build();
  const auto tied = translate(one, config_of(kLlama, true));
  REQUIRE(tied.has_value());
  CHECK(tied->size() == 1);
  CHECK(values_of(*tied, "token_embd.weight")[0] == 5);
  SafetensorsBuilder both;
  both.counting("lm_head.weight", {3, 4}, 5);
  both.counting("model.embed_tokens.weight", {3, 4}, 9);
  const ByteVector two = both.build();
  const auto first = translate(two, config_of(kLlama, true));
  CHECK(first->size() == 1);
  CHECK(values_of(*first, "token_embd.weight")[0] == 9);
  const auto apart = translate(two, config_of(kLlama, false));
  CHECK(values_of(*apart, "output.weight")[0] == 5);
  SafetensorsBuilder none;
  none.counting("model.embed_tokens.weight", {3, 4});
  const ByteVector missing = none.build();
  CHECK_THAT(translate(missing, config_of(kLlama, false)).error().message,
             Contains("lm_head.weight is missing"));
}

TEST_CASE("GPT-2's linears are transposed, minGPT's are not; a missing bias is zero", "[hf]") {
  SafetensorsBuilder gpt2;
  gpt2.counting("h.0.attn.c_attn.weight", {2, 6});
  gpt2.counting("h.0.attn.c_attn.bias", {6}, 1);
  gpt2.counting("h.0.attn.c_proj.weight", {2, 2});
  gpt2.tensor("h.0.attn.bias", "U8", {1, 1, 4, 4}, ByteVector(16));
  const ByteVector theirs = gpt2.build();
  const auto conv = translate(theirs, config_of(kGpt2, true));
  REQUIRE(conv.has_value());
  CHECK(conv->find("blk.0.attn_qkv.weight")->shape == std::vector<std::int64_t>{6, 2});
  CHECK(values_of(*conv, "blk.0.attn_qkv.weight")[1] == 6);
  CHECK(values_of(*conv, "blk.0.attn_output.weight") == std::vector<float>{0, 2, 1, 3});
  CHECK(values_of(*conv, "blk.0.attn_qkv.bias")[0] == 1);
  SafetensorsBuilder mini;
  mini.counting("transformer.h.0.attn.c_attn.weight", {6, 2});
  mini.counting("transformer.h.0.attn.c_proj.weight", {2, 2});
  const ByteVector plain = mini.build();
  const auto tensors = translate(plain, config_of(kGpt2, true));
  CHECK(values_of(*tensors, "blk.0.attn_output.weight") == std::vector<float>{0, 1, 2, 3});
  CHECK(values_of(*tensors, "blk.0.attn_qkv.bias") == std::vector<float>(6, 0.0F));
}

TEST_CASE("Gemma's gains get their one", "[hf]") {
  SafetensorsBuilder file;
  file.tensor("model.norm.weight", "BF16", {2}, ByteVector{0x00, 0x3F, 0x80, 0xBF});
  file.counting("model.layers.0.self_attn.q_proj.weight", {2, 1});
  const ByteVector bytes = file.build();
  const auto tensors = translate(
      bytes, parse_hf_config(
                 as_bytes(R"({"model_type":"gemma3_text","hidden_size":2,"num_hidden_layers":1,)"
                          R"("num_attention_heads":1,"intermediate_size":8,"head_dim":2,)"
                          R"("max_position_embeddings":16,"vocab_size":3})"))
                 .value());
  REQUIRE(tensors.has_value());
  CHECK(values_of(*tensors, "output_norm.weight") == std::vector<float>{1.5F, 0.0F});
  CHECK(values_of(*tensors, "blk.0.attn_q.weight") == std::vector<float>{0, 1});
}

TEST_CASE("Unknown tensors and types are refused by name", "[hf]") {
  const auto refusal = [](const SafetensorsBuilder& file) {
    const ByteVector bytes = file.build();
    const auto tensors = translate(bytes, config_of(kLlama, true));
    REQUIRE_FALSE(tensors.has_value());
    return tensors.error().message;
  };
  SafetensorsBuilder layer;
  layer.counting("model.layers.1.input_layernorm.weight", {4});
  CHECK_THAT(refusal(layer), Contains("model.layers.1.input_layernorm.weight") &&
                                 Contains("llama model of 1 layers"));
  SafetensorsBuilder type;
  type.tensor("model.norm.weight", "I8", {4}, ByteVector(4));
  CHECK_THAT(refusal(type), Contains("weights of type I8 are not supported"));
  SafetensorsBuilder heads;
  heads.counting("model.layers.0.self_attn.q_proj.weight", {3, 4});
  CHECK_THAT(refusal(heads), Contains("not whole heads of 4"));
  SafetensorsBuilder zero;
  zero.counting("model.layers.0.self_attn.q_proj.weight", {0, 4});
  CHECK_FALSE(refusal(zero).empty());
}
