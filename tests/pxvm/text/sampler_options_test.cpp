#include "pxvm/text/sampler_options.hpp"

#include <limits>

#include <catch2/catch.hpp>

using namespace pxos::text;
using Catch::Contains;

TEST_CASE("a sampler order comes back as it was written", "[text]") {
  const auto order = parse_sampler_order("top_p;temperature;penalties");
  REQUIRE(order);
  CHECK(sampler_order_text(*order) == "top_p;temperature;penalties");
  CHECK(sampler_order_text(SamplerOptions{}.order) ==
        "penalties;dry;top_k;typ_p;top_p;min_p;xtc;temperature");
  CHECK(parse_sampler_order("").value().empty());
}

TEST_CASE("a sampler order with an unknown or double name is refused", "[text]") {
  CHECK_THAT(parse_sampler_order("top_p;tfs").error().message,
             Contains("'tfs'") && Contains("penalties;dry"));
  CHECK_THAT(parse_sampler_order("top_p;top_p").error().message, Contains("twice"));
  CHECK_FALSE(parse_sampler_order("top_p;;min_p"));
}

TEST_CASE("every option's range is checked, NaN included", "[text]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const SamplerOptions& options :
       {SamplerOptions{.typical_p = 0.0F}, SamplerOptions{.xtc_probability = 1.1F},
        SamplerOptions{.xtc_threshold = nan}, SamplerOptions{.dynamic_exponent = 0.0F},
        SamplerOptions{.dry_base = 0.5F}, SamplerOptions{.mirostat_rate = 0.0F},
        SamplerOptions{.dry_last_n = 70000}, SamplerOptions{.dry_breakers = {3, 1}},
        SamplerOptions{.logit_bias = {{-1, 0.0F}}}, SamplerOptions{.logit_bias = {{1, nan}}}}) {
    CHECK_FALSE(validate(options));
  }
  CHECK(validate(SamplerOptions{}));
}
