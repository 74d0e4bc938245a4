#include "hypervisor/perplexity.hpp"

#include <algorithm>
#include <cmath>

namespace pxos::hypervisor {
namespace {

Result<void> check_model(const Mount& mount, std::int64_t ctx) {
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  if (ctx < 4) return fail(Errc::kUsage, "a chunk of {} tokens is too short to score", ctx);
  if (ctx > mount.context_length())
    return fail(Errc::kUsage, "chunks of {} tokens do not fit into the context of {}", ctx,
                mount.context_length());
  return {};
}

/// A text as whole chunks, each with BOS in front where the model wants it.
struct Chunks {
  std::vector<std::int32_t> tokens;
  std::size_t size = 0;
  std::int64_t count = 0;

  [[nodiscard]] std::span<const std::int32_t> chunk(std::int64_t index) const {
    return std::span(tokens).subspan(static_cast<std::size_t>(index) * size, size);
  }
  [[nodiscard]] PerplexityReport report(const RunningMean& nll) const {
    const Estimate mean = nll.estimate();
    const Estimate value = exponential(mean);
    return {value.mean,  value.error, mean.mean,
            nll.count(), count,       static_cast<std::int64_t>(tokens.size())};
  }
};

Result<Chunks> split(const Mount& mount, std::string_view text, std::int64_t ctx) {
  PX_CHECK(check_model(mount, ctx));
  Chunks out;
  PX_TRY(out.tokens, mount.tokenizer()->encode(text, {true, false}));
  out.size = static_cast<std::size_t>(ctx);
  out.count = static_cast<std::int64_t>(out.tokens.size()) / ctx;
  if (out.count == 0)
    return fail(Errc::kUsage, "the text has {} tokens, one chunk needs {}", out.tokens.size(), ctx);
  const text::Vocabulary& vocabulary = mount.tokenizer()->vocabulary();
  if (vocabulary.add_bos && vocabulary.bos) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(out.count); ++c)
      out.tokens[c * out.size] = *vocabulary.bos;
  }
  return out;
}

Result<void> check_same_tokens(const Chunks& base, const Chunks& model) {
  const auto at = std::mismatch(base.tokens.begin(), base.tokens.end(), model.tokens.begin(),
                                model.tokens.end());
  if (at.first == base.tokens.end() && at.second == model.tokens.end()) return {};
  return fail(Errc::kUsage,
              "the models do not read the text alike: {} tokens for the base, {} for this one, the "
              "first difference at token {}",
              base.tokens.size(), model.tokens.size(), at.first - base.tokens.begin());
}

/// Called with the first token that `logits` (rows of one step) predict.
using ScoreRows = std::function<void(std::size_t rows, std::span<const std::span<const float>>,
                                     std::span<const std::int32_t> targets)>;

/// Runs all models over one chunk side by side; hands the rows of its second half to `score`, at
/// most kMaxLogitRows of each model at a time.
Result<void> walk_chunk(std::span<Mount* const> mounts, std::span<const std::int32_t> chunk,
                        const ScoreRows& score) {
  const std::size_t first = chunk.size() / 2;
  for (Mount* mount : mounts) {
    mount->rewind(0);
    PX_CHECK(mount->evaluate(chunk.first(first), 1));
  }
  // Position j gives the distribution of token j + 1; the last position has nothing to predict.
  std::vector<std::span<const float>> logits(mounts.size());
  for (std::size_t at = first; at + 1 < chunk.size();) {
    const std::size_t count = std::min<std::size_t>(chunk.size() - 1 - at, Mount::kMaxLogitRows);
    for (std::size_t m = 0; m < mounts.size(); ++m) {
      PX_TRY(logits[m],
             mounts[m]->evaluate(chunk.subspan(at, count), static_cast<std::int64_t>(count)));
    }
    score(count, logits, chunk.subspan(at + 1, count));
    at += count;
  }
  return {};
}

std::span<const float> row(std::span<const float> rows, std::size_t count, std::size_t index) {
  const std::size_t width = rows.size() / count;
  return rows.subspan(index * width, width);
}

/// Everything a comparison adds up.
struct Comparison {
  RunningMean nll, base_nll, difference, divergence, same_top;
  std::vector<double> divergences;

  void add(const TokenComparison& token) {
    nll.add(token.nll);
    base_nll.add(token.base_nll);
    difference.add(token.nll - token.base_nll);
    divergence.add(token.divergence);
    same_top.add(token.same_top ? 1 : 0);
    divergences.push_back(token.divergence);
  }
  [[nodiscard]] FidelityReport report(const Chunks& chunks) const {
    FidelityReport out;
    out.model = chunks.report(nll);
    out.base = chunks.report(base_nll);
    out.divergence = divergence.estimate();
    out.divergence_median = quantile(divergences, 0.5);
    out.divergence_99 = quantile(divergences, 0.99);
    out.divergence_max = quantile(divergences, 1);
    out.same_top = same_top.estimate();
    out.ratio = exponential(difference.estimate());
    return out;
  }
};

}  // namespace

Result<PerplexityReport> perplexity(Mount& mount, std::string_view text, std::int64_t ctx,
                                    const ChunkProgress& progress) {
  PX_TRY(const Chunks chunks, split(mount, text, ctx));
  RunningMean nll;
  std::vector<double> scores(Mount::kMaxLogitRows);
  const auto score = [&](std::size_t rows, std::span<const std::span<const float>> logits,
                         std::span<const std::int32_t> targets) {
    auto one = [&](std::size_t i, std::size_t) {
      scores[i] = negative_log_likelihood(row(logits[0], rows, i), targets[i]);
    };
    mount.pool().run(rows, one);
    for (std::size_t i = 0; i < rows; ++i) nll.add(scores[i]);
  };
  Mount* const mounts[] = {&mount};
  for (std::int64_t c = 0; c < chunks.count; ++c) {
    PX_CHECK(walk_chunk(mounts, chunks.chunk(c), score));
    if (progress) progress({c + 1, chunks.count, std::exp(nll.estimate().mean), std::nullopt});
  }
  mount.rewind(0);
  return chunks.report(nll);
}

Result<FidelityReport> fidelity(Mount& base, Mount& model, std::string_view text, std::int64_t ctx,
                                const ChunkProgress& progress) {
  PX_ASSERT(&base != &model);
  if (base.vocabulary_size() != model.vocabulary_size())
    return fail(Errc::kUsage, "the base has a vocabulary of {}, this model one of {}",
                base.vocabulary_size(), model.vocabulary_size());
  PX_TRY(const Chunks base_chunks, split(base, text, ctx));
  PX_TRY(const Chunks chunks, split(model, text, ctx));
  PX_CHECK(check_same_tokens(base_chunks, chunks));
  Comparison sums;
  std::vector<TokenComparison> scores(Mount::kMaxLogitRows);
  const auto score = [&](std::size_t rows, std::span<const std::span<const float>> logits,
                         std::span<const std::int32_t> targets) {
    auto one = [&](std::size_t i, std::size_t) {
      scores[i] = compare_tokens(row(logits[0], rows, i), row(logits[1], rows, i), targets[i]);
    };
    model.pool().run(rows, one);
    for (std::size_t i = 0; i < rows; ++i) sums.add(scores[i]);
  };
  Mount* const mounts[] = {&base, &model};
  for (std::int64_t c = 0; c < chunks.count; ++c) {
    PX_CHECK(walk_chunk(mounts, chunks.chunk(c), score));
    if (progress)
      progress({c + 1, chunks.count, std::exp(sums.nll.estimate().mean),
                sums.divergence.estimate().mean});
  }
  base.rewind(0);
  model.rewind(0);
  return sums.report(chunks);
}

}  // namespace pxos::hypervisor
