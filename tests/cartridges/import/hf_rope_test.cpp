#include "cartridges/import/hf_rope.hpp"

#include <cmath>

#include <catch2/catch.hpp>
#include <fmt/format.h>

using Catch::Contains;
using pxos::cartridges::HfConfig;
using pxos::cartridges::Json;
using pxos::cartridges::llama3_factors;
using pxos::cartridges::read_hf_rope;

namespace {

pxos::Result<HfConfig> read(std::string_view type, std::string_view json) {
  HfConfig config;
  config.family = pxos::cartridges::find_hf_family(type).value();
  config.head_dim = 8;
  config.width = 32;
  const auto done = read_hf_rope(Json::parse(json), 4096, config);
  if (!done) return tl::unexpected<pxos::Error>(done.error());
  return config;
}

std::string refusal(std::string_view type, std::string_view json) {
  const auto config = read(type, json);
  REQUIRE_FALSE(config.has_value());
  return config.error().message;
}

}  // namespace

TEST_CASE("A base, a part of a head, and no scaling", "[hf]") {
  CHECK(read("llama", "{}")->metadata.real("llama.rope.freq_base").value() == 10000.0);
  CHECK(read("gemma3_text", "{}")->metadata.real("gemma3.rope.freq_base").value() == 1000000.0);
  const auto part = read("phi3", R"({"rope_theta":5000,"partial_rotary_factor":0.5})");
  CHECK(part->metadata.real("phi3.rope.freq_base").value() == 5000.0);
  CHECK(part->metadata.integer("phi3.rope.dimension_count").value() == 4);
  // The newer spelling keeps everything in one object.
  const auto newer = read("llama", R"({"rope_parameters":{"rope_theta":9,"rope_type":"default"}})");
  CHECK(newer->metadata.real("llama.rope.freq_base").value() == 9.0);
  CHECK_THAT(refusal("llama", R"({"partial_rotary_factor":0.4})"), Contains("no even number"));
  CHECK_THAT(refusal("llama", R"({"rope_theta":-1})"), Contains("rope_theta"));
}

TEST_CASE("Linear and YaRN scaling are keys", "[hf]") {
  const auto linear = read("llama", R"({"rope_scaling":{"type":"linear","factor":4.0}})");
  CHECK(linear->metadata.text("llama.rope.scaling.type").value() == "linear");
  CHECK(linear->metadata.real("llama.rope.scaling.factor").value() == 4.0);
  const auto yarn = read("qwen2", R"({"rope_scaling":{"rope_type":"yarn","factor":4.0,)"
                                  R"("original_max_position_embeddings":1024}})");
  CHECK(yarn->metadata.text("qwen2.rope.scaling.type").value() == "yarn");
  CHECK(yarn->metadata.integer("qwen2.rope.scaling.original_context_length").value() == 1024);
  // Within the trained context dynamic scaling is none.
  const auto dynamic = read("llama", R"({"rope_scaling":{"type":"dynamic","factor":2.0}})");
  CHECK_FALSE(dynamic->metadata.has("llama.rope.scaling.type"));
  CHECK_THAT(refusal("llama", R"({"rope_scaling":{"type":"dynamic"}})"), Contains("factor"));
  CHECK_THAT(refusal("llama", R"({"rope_scaling":{"type":"mrope","factor":2.0}})"),
             Contains("\"mrope\" is not supported"));
  CHECK_THAT(refusal("llama", R"({"rope_scaling":{"type":"linear"}})"), Contains("factor"));
  CHECK_THAT(refusal("llama", R"({"rope_scaling":{"type":"yarn","factor":4,"beta_fast":16,)"
                              R"("original_max_position_embeddings":1024}})"),
             Contains("beta_fast"));
}

TEST_CASE("Llama 3's factors: short waves stay, long ones stretch, the rest between", "[hf]") {
  // Wavelengths 2 pi * base^(2i/8): 6.3, 62.8, 628, 6283 for base 10^4.
  const auto factors = llama3_factors({8, 1, 4, 1000}, 10000.0, 8);
  REQUIRE(factors.size() == 4);
  CHECK(factors[0] == 1.0F);
  CHECK(factors[1] == 1.0F);  // below 1000 / 4
  const double smooth = (1000 / (2 * 3.14159265358979323846 * 100) - 1) / 3;
  CHECK(factors[2] == Approx(1 / ((1 - smooth) / 8 + smooth)).epsilon(1e-6));
  CHECK(factors[3] == 8.0F);  // above 1000 / 1
  const auto config = read("llama", R"({"rope_scaling":{"rope_type":"llama3","factor":8,)"
                                    R"("low_freq_factor":1,"high_freq_factor":4,)"
                                    R"("original_max_position_embeddings":1000}})");
  REQUIRE(config->made.size() == 1);
  CHECK(config->made[0].name == "rope_freqs.weight");
  CHECK(config->made[0].values == factors);
}

TEST_CASE("Phi's two lists of factors become tensors", "[hf]") {
  const std::string_view good =
      R"({"original_max_position_embeddings":1024,"rope_scaling":{"type":"longrope",)"
      R"("long_factor":[1,2,3,4],"short_factor":[1,1,1,1]}})";
  const auto config = read("phi3", good);
  REQUIRE(config->made.size() == 2);
  CHECK(config->made[0].values == std::vector<float>{1, 2, 3, 4});
  // sqrt(1 + ln 4 / ln 1024)
  CHECK(config->metadata.real("phi3.rope.scaling.attn_factor").value() ==
        Approx(std::sqrt(1.2)).epsilon(1e-6));
  CHECK_THAT(refusal("phi3", R"({"original_max_position_embeddings":1024,"rope_scaling":)"
                             R"({"type":"longrope","long_factor":[1],"short_factor":[1]}})"),
             Contains("expected 4 factors"));
  CHECK_THAT(refusal("llama", good), Contains("phi3 only"));
}
