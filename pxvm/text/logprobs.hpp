#pragma once
// Log-probabilities of the model's own distribution, before any sampling. Pure functions, with the
// exp and log of this folder: same bits on every machine.

#include <cstdint>
#include <span>
#include <vector>

namespace pxos::text {

struct TokenLogprob {
  std::int32_t id = 0;
  double logprob = 0;  ///< natural, <= 0
  friend bool operator==(const TokenLogprob&, const TokenLogprob&) = default;
};

/// max + ln sum exp(l - max), summed in ascending id order in f64; NaN counts as -inf. The
/// log-probability of token i is logits[i] - log_normaliser(logits).
/// Requires: at least one logit above -inf.
[[nodiscard]] double log_normaliser(std::span<const float> logits);

/// The `count` likeliest tokens, likeliest first, the lower id first among equals.
[[nodiscard]] std::vector<TokenLogprob> top_logprobs(std::span<const float> logits,
                                                     std::size_t count);

}  // namespace pxos::text
