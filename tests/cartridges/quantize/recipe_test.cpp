#include "cartridges/quantize/recipe.hpp"

#include <catch2/catch.hpp>

namespace pxos::cartridges {
namespace {

using tensor::DType;

DType type_of(std::string_view recipe, std::string_view name, std::uint64_t cols = 256,
              std::int64_t layers = 24, bool own_head = true) {
  return type_for(find_recipe(recipe).value(), {name, cols, layers, own_head});
}

}  // namespace

TEST_CASE("the head keeps at least Q6_K", "[quantize]") {
  CHECK(type_of("q4_0", "output.weight") == DType::kQ6_K);
  CHECK(type_of("q4_0", "token_embd.weight") == DType::kQ4_0);
  CHECK(type_of("q4_0", "token_embd.weight", 256, 24, false) == DType::kQ6_K);
  CHECK(type_of("q8_0", "output.weight") == DType::kQ8_0);
  CHECK(type_of("f16", "output.weight") == DType::kF16);
  CHECK(type_of("q2_k", "output.weight", 128) == DType::kQ8_0);
}

TEST_CASE("a mix gives some layers the better type", "[quantize]") {
  std::string layers;
  for (int l = 0; l < 24; ++l) {
    const std::string name = fmt::format("blk.{}.ffn_down.weight", l);
    layers += type_of("q4_k_m", name) == DType::kQ6_K ? '6' : '4';
    CHECK(type_of("q4_k_m", fmt::format("blk.{}.ffn_up.weight", l)) == DType::kQ4_K);
  }
  CHECK(layers == "666446446446446446446666");
  CHECK(type_of("q5_k_m", "blk.0.attn_v.weight") == DType::kQ6_K);
  CHECK(type_of("q3_k_m", "blk.0.attn_v.weight") == DType::kQ5_K);
  CHECK(type_of("q4_k", "blk.0.attn_v.weight") == DType::kQ4_K);
}

TEST_CASE("rows that are not whole blocks fall back", "[quantize]") {
  const std::string_view name = "blk.1.ffn_up.weight";
  CHECK(type_of("q2_k", name, 576) == DType::kIQ4_NL);
  CHECK(type_of("q3_k", name, 576) == DType::kIQ4_NL);
  CHECK(type_of("q4_k", name, 576) == DType::kQ5_0);
  CHECK(type_of("q5_k", name, 576) == DType::kQ5_1);
  CHECK(type_of("q6_k", name, 576) == DType::kQ8_0);
  CHECK(type_of("q6_k", name, 172) == DType::kF16);
  CHECK(type_of("q4_0", name, 172) == DType::kF16);
  CHECK(type_of("f32", name, 172) == DType::kF32);
}

TEST_CASE("an override comes before every rule", "[quantize]") {
  QuantizeRecipe recipe = find_recipe("q4_k_m").value();
  recipe.overrides = {parse_override("ffn_down=q8_0").value(),
                      parse_override("output=q4_0").value()};
  CHECK(type_for(recipe, {"blk.0.ffn_down.weight", 256, 24, true}) == DType::kQ8_0);
  CHECK(type_for(recipe, {"output.weight", 256, 24, true}) == DType::kQ4_0);
  for (const char* bad : {"", "=q8_0", "ffn_down", "ffn_down=", "ffn_down=i8", "a=q9"}) {
    INFO(bad);
    REQUIRE_FALSE(parse_override(bad));
    CHECK(parse_override(bad).error().code == Errc::kUsage);
  }
}

TEST_CASE("an unknown recipe is refused with what there is", "[quantize]") {
  for (const char* bad : {"", "q4", "q4_k_s", "i8", "u8affine"}) {
    const auto found = find_recipe(bad);
    REQUIRE_FALSE(found);
    CHECK(found.error().message.find("q4_k_m") != std::string::npos);
  }
}

}  // namespace pxos::cartridges
