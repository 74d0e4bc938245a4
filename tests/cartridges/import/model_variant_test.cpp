#include "cartridges/import/model_variant.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "tests/cartridges/tiny_llama.hpp"

#include <cmath>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteWriter;
using pxos::cartridges::gguf_model;
using pxos::cartridges::ModelPlan;
using pxos::cartridges::plan_model;
using pxos::test::GgufBuilder;
using pxos::test::TinyLlama;

namespace {

pxos::Result<ModelPlan> plan_with(const std::function<void(GgufBuilder&)>& extra) {
  TinyLlama model;
  model.extra = extra;
  return plan_model(gguf_model(model.build()).value());
}

std::string refusal(const std::function<void(GgufBuilder&)>& extra) {
  const auto plan = plan_with(extra);
  REQUIRE_FALSE(plan.has_value());
  return plan.error().message;
}

void add_factors(GgufBuilder& file, std::uint64_t count) {
  ByteWriter data;
  for (std::uint64_t i = 0; i < count; ++i) data.f32(1.0F + static_cast<float>(i));
  file.tensor("rope_freqs.weight", {count}, 0, data.view());
}

}  // namespace

TEST_CASE("A window makes llama mistral, one as long as the context does not", "[variant]") {
  const auto near = plan_with([](auto& f) { f.key_u32("llama.attention.sliding_window", 64); });
  REQUIRE(near.has_value());
  CHECK(near->program == "mistral");
  CHECK(near->integers.at("window") == 64);
  const auto far = plan_with([](auto& f) { f.key_u32("llama.attention.sliding_window", 128); });
  REQUIRE(far.has_value());
  CHECK(far->program == "llama");
  CHECK(far->integers.empty());
}

TEST_CASE("A list of frequency factors makes llama llama3", "[variant]") {
  const auto plan = plan_with([](auto& f) { add_factors(f, 8); });
  REQUIRE(plan.has_value());
  CHECK(plan->program == "llama3");
  CHECK(plan->integers.at("rope_pairs") == 8);
  CHECK(plan->tensors.back().name == "rope_freqs.weight");
  CHECK_THAT(refusal([](auto& f) { add_factors(f, 6); }),
             Contains("rope_freqs.weight: shape [6], the hyper-parameters say [8]"));
}

TEST_CASE("Scaled positions: linear under both names, ntk, yarn", "[variant]") {
  const auto old_name = plan_with([](auto& f) { f.key_f32("llama.rope.scale_linear", 4); });
  REQUIRE(old_name.has_value());
  CHECK(old_name->reals.at("rope_factor") == 4);
  const auto scaled = [](const char* type, float factor) {
    return plan_with([=](GgufBuilder& f) {
      f.key_text("llama.rope.scaling.type", type);
      f.key_f32("llama.rope.scaling.factor", factor);
      f.key_u32("llama.rope.scaling.original_context_length", 32);
    });
  };
  CHECK(scaled("linear", 2)->reals.at("rope_factor") == 2);
  CHECK(scaled("linear", 0)->reals.empty());
  CHECK(scaled("none", 2)->reals.empty());
  CHECK(scaled("ntk", 8)->shape.rope_base == Approx(10000 * std::pow(8.0, 16.0 / 14)));
  const auto yarn = scaled("yarn", 4);
  REQUIRE(yarn.has_value());
  CHECK(yarn->reals.at("rope_factor") == 4);
  CHECK(yarn->reals.at("rope_original") == 32);
  CHECK(yarn->reals.at("rope_magnitude") == Approx(1 + 0.1 * std::log(4.0)));
}

TEST_CASE("The length of rotated vectors is the file's, times that of yarn", "[variant]") {
  const auto plan = plan_with([](auto& f) { f.key_f32("llama.rope.scaling.attn_factor", 1.5F); });
  REQUIRE(plan.has_value());
  CHECK(plan->reals.at("rope_magnitude") == 1.5);
}

TEST_CASE("What no program follows is refused with key and value", "[variant]") {
  CHECK_THAT(refusal([](auto& f) { f.key_text("llama.rope.scaling.type", "dynamic"); }),
             Contains("rope.scaling.type: \"dynamic\" is not supported yet"));
  CHECK_THAT(refusal([](auto& f) { f.key_f32("llama.rope.scaling.attn_factor", -2); }),
             Contains("rope.scaling.attn_factor: -2 is not in"));
  CHECK_THAT(refusal([](auto& f) { f.key_f32("llama.rope.scaling.factor", -2); }),
             Contains("rope.scaling.factor: -2"));
  CHECK_THAT(refusal([](auto& f) { f.key_u32("llama.expert_count", 8); }),
             Contains("llama.expert_count: 8"));
  CHECK_THAT(refusal([](auto& f) { f.key_f32("llama.final_logit_softcapping", 30); }),
             Contains("final_logit_softcapping: 30"));
  CHECK_THAT(refusal([](auto& f) {
               f.key_u32("llama.attention.sliding_window", 64);
               add_factors(f, 8);
             }),
             Contains("together with rope_freqs"));
  TinyLlama model;
  model.architecture = "qwen2";
  model.extra = [](GgufBuilder& f) { f.key_u32("qwen2.attention.sliding_window", 64); };
  CHECK_THAT(plan_model(gguf_model(model.build()).value()).error().message,
             Contains("sliding_window: 64 is not supported yet for qwen2"));
}
