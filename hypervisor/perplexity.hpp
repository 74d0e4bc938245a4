#pragma once
// Perplexity of a model on a text: exp of the mean negative log likelihood, by the usual protocol:
// chunks of `ctx` tokens without overlap, the first token of a chunk replaced by BOS when the model
// adds one, the second half scored.

#include "hypervisor/mount.hpp"

#include <functional>

namespace pxos::hypervisor {

struct PerplexityReport {
  double perplexity = 0;
  double mean_nll = 0;      ///< nats per scored token
  std::int64_t scored = 0;  ///< tokens scored
  std::int64_t chunks = 0;
  std::int64_t tokens = 0;  ///< of the whole text
};

/// Position j in [ctx/2, ctx - 2] of every chunk scores token j + 1. `progress(done, total)` per
/// chunk. Errors: kUsage when the text is shorter than one chunk or ctx < 4; those of evaluate().
Result<PerplexityReport> perplexity(
    Mount& mount, std::string_view text, std::int64_t ctx,
    const std::function<void(std::int64_t, std::int64_t)>& progress = {});

/// -log softmax(logits)[target], in f64.
[[nodiscard]] double negative_log_likelihood(std::span<const float> logits, std::int32_t target);

}  // namespace pxos::hypervisor
