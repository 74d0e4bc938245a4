#include "pxvm/text/sampler.hpp"

#include "pxvm/text/exp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pxos::text {
namespace {

constexpr std::uint32_t kMaxRepeatWindow = 65536;
constexpr float kNever = -std::numeric_limits<float>::infinity();

/// exp((logit - max) / temperature), 1 for the maximum itself even when it is +inf.
double weight(double logit, double max, double temperature) {
  return logit == max ? 1.0 : exp_fixed((logit - max) / temperature);
}

}  // namespace

Result<Sampler> Sampler::create(const SamplerOptions& o) {
  // The comparisons are written so that NaN fails them.
  if (!(o.temperature >= 0.0F) || std::isinf(o.temperature))
    return fail(Errc::kUsage, "temperature {}, expected >= 0", o.temperature);
  if (!(o.top_p > 0.0F && o.top_p <= 1.0F))
    return fail(Errc::kUsage, "top-p {}, expected above 0 and at most 1", o.top_p);
  if (!(o.min_p >= 0.0F && o.min_p <= 1.0F))
    return fail(Errc::kUsage, "min-p {}, expected 0 to 1", o.min_p);
  if (!(o.repeat_penalty > 0.0F) || std::isinf(o.repeat_penalty))
    return fail(Errc::kUsage, "repeat penalty {}, expected above 0", o.repeat_penalty);
  if (o.repeat_last_n > kMaxRepeatWindow)
    return fail(Errc::kUsage, "repeat window {}, at most {}", o.repeat_last_n, kMaxRepeatWindow);
  return Sampler(o);
}

Sampler::Sampler(const SamplerOptions& options) : options_(options), rng_(options.seed) {}

bool Sampler::before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

Result<std::int32_t> Sampler::next(std::span<const float> logits) {
  const std::span<const float> values = penalised(logits);
  // NaN and -inf lose every comparison with the best so far, so neither is ever chosen.
  float max = kNever;
  std::int32_t best = -1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > max) {
      max = values[i];
      best = static_cast<std::int32_t>(i);
    }
  }
  if (best < 0)
    return fail(Errc::kInvalid, "no token can be chosen: all {} logits are NaN or -inf",
                logits.size());
  if (options_.temperature == 0.0F) return best;
  collect(values);
  keep_top_k();
  keep_top_p(max);
  keep_min_p(max);
  return draw(max);
}

// Copies the logits only when a penalty applies.
std::span<const float> Sampler::penalised(std::span<const float> logits) {
  if (options_.repeat_penalty == 1.0F || recent_.empty()) return logits;
  penalised_.assign(logits.begin(), logits.end());
  for (const std::int32_t id : recent_) {
    const auto index = static_cast<std::size_t>(id);
    if (index >= logits.size()) continue;
    // From the untouched logit, so that a token seen twice is penalised once.
    const float logit = logits[index];
    penalised_[index] =
        logit > 0.0F ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
  }
  return penalised_;
}

// Widened to f64 once; everything after compares and sums in f64.
void Sampler::collect(std::span<const float> values) {
  candidates_.clear();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > kNever) candidates_.push_back({values[i], static_cast<std::int32_t>(i)});
  }
}

void Sampler::sort_by_id() {
  const auto by_id = [](const Candidate& a, const Candidate& b) { return a.id < b.id; };
  if (!std::is_sorted(candidates_.begin(), candidates_.end(), by_id))
    std::sort(candidates_.begin(), candidates_.end(), by_id);
}

// nth_element leaves the k first ones in an unspecified order; later steps sort by id, so it does
// not show.
void Sampler::keep_top_k() {
  const std::size_t k = options_.top_k;
  if (k == 0 || k >= candidates_.size()) return;
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(k);
  std::nth_element(candidates_.begin(), end - 1, candidates_.end(), before);
  candidates_.erase(end, candidates_.end());
}

void Sampler::keep_top_p(double max) {
  if (options_.top_p >= 1.0F) return;
  // Sums run in ascending id order, whatever the selection left: one result for one set.
  sort_by_id();
  double total = 0;
  for (const Candidate& c : candidates_) total += weight(c.logit, max, 1.0);
  const double wanted = total * static_cast<double>(options_.top_p);
  // The nucleus is small as a rule: sort a front that grows until it is heavy enough.
  double sum = 0;
  std::size_t kept = 0;
  for (std::size_t sorted = 0; sorted < candidates_.size() && (kept == 0 || sum < wanted);) {
    const std::size_t front = std::min(candidates_.size(), std::max<std::size_t>(64, 4 * sorted));
    const auto at = [this](std::size_t i) {
      return candidates_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    // Selecting, then sorting the front: a flat distribution costs O(n log n), not a heap of n.
    if (front < candidates_.size())
      std::nth_element(at(sorted), at(front), candidates_.end(), before);
    std::sort(at(sorted), at(front), before);
    for (; kept < front && (kept == 0 || sum < wanted); ++kept)
      sum += weight(candidates_[kept].logit, max, 1.0);
    sorted = front;
  }
  candidates_.resize(kept);
}

// The best token weighs 1, so at least it stays.
void Sampler::keep_min_p(double max) {
  if (options_.min_p <= 0.0F) return;
  const auto least = static_cast<double>(options_.min_p);
  std::erase_if(candidates_, [&](const Candidate& c) { return weight(c.logit, max, 1.0) < least; });
}

std::int32_t Sampler::draw(double max) {
  sort_by_id();
  const auto temperature = static_cast<double>(options_.temperature);
  double total = 0;
  for (Candidate& c : candidates_) {
    c.logit = weight(c.logit, max, temperature);  // from here on the weight
    total += c.logit;
  }
  const double target = rng_.next_unit_f64() * total;
  double sum = 0;
  for (const Candidate& c : candidates_) {
    sum += c.logit;
    if (sum > target) return c.id;
  }
  // u < 1, but u * total may round up to total: then it is the last token with a weight.
  const auto last = std::find_if(candidates_.rbegin(), candidates_.rend(),
                                 [](const Candidate& c) { return c.logit > 0; });
  return last->id;
}

// A ring: the oldest token is overwritten once the window is full.
void Sampler::accept(std::int32_t id) {
  if (options_.repeat_last_n == 0 || id < 0) return;
  if (recent_.size() < options_.repeat_last_n) {
    recent_.push_back(id);
    return;
  }
  recent_[oldest_] = id;
  oldest_ = (oldest_ + 1) % recent_.size();
}

SamplerState Sampler::state() const {
  SamplerState out;
  out.random_position = rng_.position();
  for (std::size_t i = 0; i < recent_.size(); ++i) {
    out.recent.push_back(recent_[(oldest_ + i) % recent_.size()]);
  }
  return out;
}

void Sampler::restore(const SamplerState& state) {
  rng_ = CounterRng(options_.seed, state.random_position);
  recent_.clear();
  oldest_ = 0;
  for (const std::int32_t id : state.recent) accept(id);
}

}  // namespace pxos::text
