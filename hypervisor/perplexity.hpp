#pragma once
// How well a model predicts a text, and how far it is from another one: perplexity, and the
// Kullback-Leibler divergence from a base model, by the usual protocol: chunks of `ctx` tokens
// without overlap, the first token of a chunk replaced by BOS when the model adds one, the second
// half scored: position j in [ctx/2, ctx - 2] of a chunk scores token j + 1.
//
// Streaming: at most Mount::kMaxLogitRows rows of logits of each model are alive at a time.

#include "hypervisor/mount.hpp"
#include "hypervisor/token_scores.hpp"

#include <functional>
#include <optional>

namespace pxos::hypervisor {

struct PerplexityReport {
  double perplexity = 0;
  double perplexity_error = 0;  ///< standard error, to first order
  double mean_nll = 0;          ///< nats per scored token
  std::int64_t scored = 0;      ///< tokens scored
  std::int64_t chunks = 0;
  std::int64_t tokens = 0;  ///< of the whole text
};

/// This model against a base one, on the same tokens.
struct FidelityReport {
  PerplexityReport model;
  PerplexityReport base;
  Estimate divergence;  ///< KL(base || model) in nats, per token
  double divergence_median = 0;
  double divergence_99 = 0;  ///< 99 % of the tokens are below
  double divergence_max = 0;
  Estimate same_top;  ///< share of tokens with the same most likely token
  Estimate ratio;     ///< perplexity of the model / of the base; errors of paired differences
};

/// Figures after each chunk, all chunks so far together.
struct ChunkFigures {
  std::int64_t done = 0;
  std::int64_t total = 0;
  double perplexity = 0;
  std::optional<double> divergence;
};
using ChunkProgress = std::function<void(const ChunkFigures&)>;

/// Errors: kUsage when the text is shorter than one chunk, ctx < 4 or beyond the context; those of
/// evaluate().
Result<PerplexityReport> perplexity(Mount& mount, std::string_view text, std::int64_t ctx,
                                    const ChunkProgress& progress = {});

/// Requires: two different mounts. Errors: as perplexity(), and kUsage when the models do not have
/// the same tokens (names both vocabularies, or the first token that differs).
Result<FidelityReport> fidelity(Mount& base, Mount& model, std::string_view text, std::int64_t ctx,
                                const ChunkProgress& progress = {});

}  // namespace pxos::hypervisor
