#pragma once
// What a sampler may be asked to do, as plain values: each step's parameters, and the order of the
// steps. Off means: the step changes nothing and costs nothing.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pxos::text {

enum class SamplerStep : std::uint8_t {
  kPenalties,
  kDry,
  kTopK,
  kTypicalP,
  kTopP,
  kMinP,
  kXtc,
  kTemperature,
};

/// The defaults are greedy, with every filter off.
struct SamplerOptions {
  float temperature = 0.0F;          ///< >= 0; 0 = greedy
  std::uint32_t top_k = 0;           ///< 0 = off
  float top_p = 1.0F;                ///< (0, 1]; 1 = off
  float min_p = 0.0F;                ///< [0, 1]; 0 = off
  float repeat_penalty = 1.0F;       ///< > 0; 1 = off
  std::uint32_t repeat_last_n = 64;  ///< tokens the three penalties look at; at most 65 536
  std::uint64_t seed = 0;
  float presence_penalty = 0.0F;                ///< taken off once; 0 = off
  float frequency_penalty = 0.0F;               ///< taken off for each time; 0 = off
  float typical_p = 1.0F;                       ///< (0, 1]; 1 = off
  float xtc_probability = 0.0F;                 ///< [0, 1]; 0 = off
  float xtc_threshold = 0.1F;                   ///< [0, 1]; above 0.5 = off
  float dynamic_range = 0.0F;                   ///< temperature varies by +- this; 0 = off
  float dynamic_exponent = 1.0F;                ///< > 0
  float dry_multiplier = 0.0F;                  ///< >= 0; 0 = off
  float dry_base = 1.75F;                       ///< >= 1
  std::uint32_t dry_allowed = 2;                ///< repeated tokens that cost nothing yet
  std::uint32_t dry_last_n = 1024;              ///< tokens DRY looks at; at most 65 536
  float mirostat_tau = 0.0F;                    ///< surprise aimed at, in bits; 0 = off
  float mirostat_rate = 0.1F;                   ///< (0, 1]
  std::vector<std::int32_t> dry_breakers = {};  ///< tokens no repetition goes over; ascending
  std::vector<std::pair<std::int32_t, float>> logit_bias = {};  ///< added first; -inf forbids
  std::vector<SamplerStep> order = {
      SamplerStep::kPenalties, SamplerStep::kDry,  SamplerStep::kTopK, SamplerStep::kTypicalP,
      SamplerStep::kTopP,      SamplerStep::kMinP, SamplerStep::kXtc,  SamplerStep::kTemperature};
};

/// Errors: kUsage naming the option, its value and its range.
Result<void> validate(const SamplerOptions& options);

/// "penalties;dry;top_k;typ_p;top_p;min_p;xtc;temperature" in any order and selection; a step that
/// is left out is off. Errors: kUsage for a name that is unknown (names all) or comes twice.
Result<std::vector<SamplerStep>> parse_sampler_order(std::string_view text);

/// The inverse of parse_sampler_order.
[[nodiscard]] std::string sampler_order_text(const std::vector<SamplerStep>& order);

}  // namespace pxos::text
