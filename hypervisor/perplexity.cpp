#include "hypervisor/perplexity.hpp"

#include <algorithm>
#include <cmath>

namespace pxos::hypervisor {
namespace {

/// Sum of the scored negative log likelihoods of one chunk.
Result<double> score_chunk(Mount& mount, std::span<const std::int32_t> chunk) {
  const std::size_t first = chunk.size() / 2;
  mount.rewind(0);
  PX_CHECK(mount.evaluate(chunk.first(first), 1));
  double total = 0;
  // Position j gives the distribution of token j + 1; the last position has nothing to predict.
  for (std::size_t at = first; at + 1 < chunk.size();) {
    const std::size_t count = std::min<std::size_t>(chunk.size() - 1 - at, Mount::kMaxLogitRows);
    PX_TRY(const std::span<const float> logits,
           mount.evaluate(chunk.subspan(at, count), static_cast<std::int64_t>(count)));
    const std::size_t width = logits.size() / count;
    for (std::size_t i = 0; i < count; ++i) {
      total += negative_log_likelihood(logits.subspan(i * width, width), chunk[at + i + 1]);
    }
    at += count;
  }
  return total;
}

}  // namespace

double negative_log_likelihood(std::span<const float> logits, std::int32_t target) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits)
    sum += std::exp(static_cast<double>(logit) - static_cast<double>(largest));
  return std::log(sum) + static_cast<double>(largest) -
         static_cast<double>(logits[static_cast<std::size_t>(target)]);
}

Result<PerplexityReport> perplexity(
    Mount& mount, std::string_view text, std::int64_t ctx,
    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  if (ctx < 4) return fail(Errc::kUsage, "a chunk of {} tokens is too short to score", ctx);
  if (ctx > mount.context_length()) {
    return fail(Errc::kUsage, "chunks of {} tokens do not fit into the context of {}", ctx,
                mount.context_length());
  }
  PX_TRY(std::vector<std::int32_t> tokens, mount.tokenizer()->encode(text, {true, false}));
  const auto size = static_cast<std::size_t>(ctx);
  PerplexityReport report;
  report.tokens = static_cast<std::int64_t>(tokens.size());
  report.chunks = report.tokens / ctx;
  if (report.chunks == 0)
    return fail(Errc::kUsage, "the text has {} tokens, one chunk needs {}", tokens.size(), ctx);
  const text::Vocabulary& vocabulary = mount.tokenizer()->vocabulary();
  double total = 0;
  for (std::int64_t c = 0; c < report.chunks; ++c) {
    const std::span<std::int32_t> chunk(tokens.data() + static_cast<std::size_t>(c) * size, size);
    if (vocabulary.add_bos && vocabulary.bos) chunk[0] = *vocabulary.bos;
    PX_TRY(const double sum, score_chunk(mount, chunk));
    total += sum;
    report.scored += ctx - 1 - ctx / 2;
    if (progress) progress(c + 1, report.chunks);
  }
  mount.rewind(0);
  report.mean_nll = total / static_cast<double>(report.scored);
  report.perplexity = std::exp(report.mean_nll);
  return report;
}

}  // namespace pxos::hypervisor
