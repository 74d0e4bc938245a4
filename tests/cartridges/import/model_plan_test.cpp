#include "cartridges/import/model_plan.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "tests/cartridges/tiny_llama.hpp"

#include <algorithm>
#include <cstring>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::ByteWriter;
using pxos::cartridges::gguf_model;
using pxos::cartridges::ModelPlan;
using pxos::cartridges::ModelTensor;
using pxos::cartridges::plan_model;
using pxos::test::GgufBuilder;
using pxos::test::TinyLlama;

namespace {

pxos::Result<ModelPlan> plan_of(const ByteVector& bytes) {
  return plan_model(gguf_model(bytes).value());
}

/// The message of a refused model.
std::string refusal(const std::function<void(GgufBuilder&)>& extra) {
  TinyLlama model;
  model.extra = extra;
  const auto plan = plan_of(model.build());
  REQUIRE_FALSE(plan.has_value());
  return plan.error().message;
}

/// A phi3 file of one layer whose fused matrices count upwards.
ByteVector tiny_phi3(std::uint64_t qkv_rows) {
  GgufBuilder file;
  file.key_text("general.architecture", "phi3");
  const auto u32 = [&](const char* name, std::uint32_t value) {
    file.key_u32(std::string("phi3.") + name, value);
  };
  u32("block_count", 1);
  u32("embedding_length", 32);
  u32("feed_forward_length", 48);
  u32("context_length", 64);
  u32("attention.head_count", 2);
  u32("attention.head_count_kv", 1);
  file.key_f32("phi3.attention.layer_norm_rms_epsilon", 1e-5F);
  const auto matrix = [&](const char* name, std::uint64_t rows, std::uint64_t cols) {
    ByteWriter data;
    for (std::uint64_t i = 0; i < rows * cols; ++i) data.f32(static_cast<float>(i));
    file.tensor(name, {cols, rows}, 0, data.view());
  };
  const auto vector = [&](const char* name) { file.tensor(name, {32}, 0, ByteVector(128)); };
  matrix("token_embd.weight", 9, 32);
  vector("blk.0.attn_norm.weight");
  matrix("blk.0.attn_qkv.weight", qkv_rows, 32);
  matrix("blk.0.attn_output.weight", 32, 32);
  vector("blk.0.ffn_norm.weight");
  matrix("blk.0.ffn_up.weight", 96, 32);
  matrix("blk.0.ffn_down.weight", 32, 48);
  vector("output_norm.weight");
  return file.build();
}

float first_value(const ModelTensor& tensor) {
  ByteVector bytes(tensor.bytes());
  REQUIRE(tensor.read(0, bytes));
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

TEST_CASE("Hyper-parameters come from the file, with llama's defaults", "[plan]") {
  const auto plan = plan_of(TinyLlama{}.build());
  REQUIRE(plan.has_value());
  CHECK(plan->program == "llama");
  CHECK(plan->shape.head_dim == 16);
  CHECK(plan->shape.rope_base == 10000.0);
  CHECK(plan->shape.vocab == 9);
  CHECK((plan->integers.empty() && plan->reals.empty()));
  TinyLlama model;
  model.extra = [](GgufBuilder& file) {
    file.key_f32("llama.rope.freq_base", 500000.0F);
    file.key_u32("llama.attention.value_length", 16);
    file.key_text("llama.rope.scaling.type", "none");
    file.key_u32("llama.expert_count", 0);
  };
  const auto changed = plan_of(model.build());
  REQUIRE(changed.has_value());
  CHECK(changed->shape.rope_base == 500000.0);
}

TEST_CASE("Head sizes, frequencies and epsilons out of range are refused", "[plan]") {
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_u32("llama.attention.value_length", 8); }),
             Contains("value_length 8 differs"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_f32("llama.rope.freq_base", -1.0F); }),
             Contains("freq_base"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_f32("llama.rope.freq_base", 1.0F); }),
             Contains("freq_base: 1 is not above 1"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_u32("llama.attention.key_length", 0); }),
             Contains("key_length"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_u32("llama.attention.key_length", 32); }),
             Contains("blk.0.attn_q.weight: shape [32, 32], the hyper-parameters say [64, 32]"));
}

TEST_CASE("Tensors come in forward order, with or without a head of their own", "[plan]") {
  TinyLlama model;
  model.layers = 2;
  for (const bool has_head : {false, true}) {
    if (has_head)
      model.extra = [](GgufBuilder& file) {
        file.tensor("output.weight", {32, 9}, 0, ByteVector(1152));
      };
    const auto plan = plan_of(model.build());
    REQUIRE(plan.has_value());
    CHECK(plan->tensors.size() == (has_head ? 21 : 20));
    CHECK(plan->tensors.front().name == "token_embd.weight");
    CHECK(plan->tensors[10].name == "blk.1.attn_norm.weight");
    CHECK(plan->tensors.back().name == (has_head ? "output.weight" : "output_norm.weight"));
  }
}

TEST_CASE("Qwen2 has keys of its own and biases; llama has no use for them", "[plan]") {
  TinyLlama model;
  model.architecture = "qwen2";
  const auto plan = plan_of(model.build());
  REQUIRE(plan.has_value());
  CHECK(plan->shape.architecture->rope_pairing == 1);
  CHECK(plan->tensors.size() == 14);
  CHECK(plan->tensors[5].name == "blk.0.attn_q.bias");
  // A bias left out is another model.
  CHECK_THAT(
      refusal([](GgufBuilder& f) { f.tensor("blk.0.attn_q.bias", {32}, 0, ByteVector(128)); }),
      Contains("blk.0.attn_q.bias: the llama program has no use for it"));
}

TEST_CASE("Layers that are missing are named before any long list is made", "[plan]") {
  ByteVector bytes = TinyLlama{}.build();
  // The key is there once: its value is changed in place.
  const std::string key = "llama.block_count";
  const auto at = std::search(bytes.begin(), bytes.end(), key.begin(), key.end());
  REQUIRE(at != bytes.end());
  const auto value = at + static_cast<std::ptrdiff_t>(key.size()) + 4;
  value[3] = 0x10;
  value[0] = 0;
  CHECK_THAT(plan_of(bytes).error().message, Contains("llama.block_count 268435456"));
  value[3] = 0;
  value[0] = 2;
  CHECK_THAT(plan_of(bytes).error().message, Contains("blk.1.attn_norm.weight [32] is missing"));
}

TEST_CASE("Matrices held as one are cut into rows", "[plan]") {
  const ByteVector bytes = tiny_phi3(64);
  const auto file = gguf_model(bytes).value();
  const auto plan = plan_model(file);
  INFO((plan ? "" : plan.error().message));
  REQUIRE(plan.has_value());
  CHECK(plan->program == "phi3");
  const auto& tensors = plan->tensors;
  REQUIRE(tensors.size() == 11);
  CHECK(tensors[2].name == "blk.0.attn_q.weight");
  CHECK(tensors[4].shape == std::vector<std::int64_t>{16, 32});
  CHECK(first_value(tensors[2]) == 0.0F);
  CHECK(first_value(tensors[3]) == 32.0F * 32);
  CHECK(first_value(tensors[4]) == 48.0F * 32);
  CHECK(tensors[7].name == "blk.0.ffn_gate.weight");
  CHECK(first_value(tensors[8]) == 48.0F * 32);
}

TEST_CASE("A fused matrix of the wrong height is refused", "[plan]") {
  CHECK_THAT(plan_of(tiny_phi3(80)).error().message,
             Contains("blk.0.attn_qkv.weight: shape [80, 32], the hyper-parameters say [64, 32]"));
}
