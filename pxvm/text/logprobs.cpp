#include "pxvm/text/logprobs.hpp"

#include "pxvm/text/exp.hpp"

#include <algorithm>
#include <limits>

namespace pxos::text {

// NaN loses every comparison, so it is neither the maximum nor above the floor.
double log_normaliser(std::span<const float> logits) {
  double max = -std::numeric_limits<double>::infinity();
  for (const float logit : logits) {
    if (static_cast<double>(logit) > max) max = static_cast<double>(logit);
  }
  double sum = 0;
  for (const float logit : logits) {
    const auto value = static_cast<double>(logit);
    if (value <= max) sum += value == max ? 1.0 : exp_fixed(value - max);
  }
  return max + log_fixed(sum);
}

std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, std::size_t count) {
  std::vector<TokenLogprob> all;
  all.reserve(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -std::numeric_limits<float>::infinity())
      all.push_back({static_cast<std::int32_t>(i), static_cast<double>(logits[i])});
  }
  const std::size_t kept = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                    [](const TokenLogprob& a, const TokenLogprob& b) {
                      return a.logprob != b.logprob ? a.logprob > b.logprob : a.id < b.id;
                    });
  all.resize(kept);
  if (all.empty()) return all;
  const double normaliser = log_normaliser(logits);
  for (TokenLogprob& token : all) token.logprob -= normaliser;
  return all;
}

}  // namespace pxos::text
