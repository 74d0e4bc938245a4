#include "pxvm/text/sampler.hpp"

#include "pxvm/text/exp.hpp"
#include "pxvm/text/repetition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pxos::text {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr double kLn2 = 0.6931471805599453;

/// exp((logit - max) / temperature), 1 for the maximum itself even when it is +inf.
double weight(double logit, double max, double temperature) {
  return logit == max ? 1.0 : exp_fixed((logit - max) / temperature);
}

/// base^exponent for base >= 1; stays finite.
double power(double base, std::uint32_t exponent) {
  double out = 1;
  for (std::uint32_t i = 0; i < exponent && out < 1e30; ++i) out *= base;
  return out;
}

bool may_choose(TokenMask mask, std::size_t id) {
  return mask.empty() || (id / 64 < mask.size() && ((mask[id / 64] >> (id % 64)) & 1U) != 0);
}

}  // namespace

Result<Sampler> Sampler::create(const SamplerOptions& options) {
  PX_CHECK(validate(options));
  return Sampler(options);
}

Sampler::Sampler(const SamplerOptions& options)
    : options_(options),
      rng_(options.seed),
      mirostat_mu_(2.0 * static_cast<double>(options.mirostat_tau)) {}

bool Sampler::before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

Result<std::int32_t> Sampler::next(std::span<const float> logits, TokenMask mask) {
  collected_ = false;
  candidates_.clear();
  temperature_ = 1;
  const std::span<const float> values = adjusted(logits, mask);
  const bool is_greedy = options_.temperature == 0.0F;
  for (const SamplerStep step : options_.order) {
    const bool on_values = step == SamplerStep::kPenalties || step == SamplerStep::kDry;
    if (is_greedy && !on_values) continue;
    if (!on_values && !collected_) collect(values);
    run(step);
  }
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
    return fail(Errc::kInvalid, "no token can be chosen: all {} logits are NaN, -inf or excluded",
                logits.size());
  if (is_greedy) return best;
  if (!collected_) collect(values);
  if (options_.mirostat_tau > 0.0F) keep_unsurprising();
  return draw();
}

// Copies the logits only when something is going to change them.
std::span<const float> Sampler::adjusted(std::span<const float> logits, TokenMask mask) {
  values_.clear();
  const SamplerOptions& o = options_;
  const bool penalties = o.repeat_penalty != 1.0F || o.presence_penalty != 0.0F ||
                         o.frequency_penalty != 0.0F || o.dry_multiplier > 0.0F;
  if ((!penalties || recent_.empty()) && o.logit_bias.empty() && mask.empty()) return logits;
  values_.assign(logits.begin(), logits.end());
  for (const auto& [id, bias] : o.logit_bias) {
    if (static_cast<std::size_t>(id) < values_.size())
      values_[static_cast<std::size_t>(id)] += bias;
  }
  for (std::size_t i = 0; i < values_.size() && !mask.empty(); ++i) {
    if (!may_choose(mask, i)) values_[i] = kNever;
  }
  return values_;
}

// Widened to f64 once; everything after compares and sums in f64.
void Sampler::collect(std::span<const float> values) {
  collected_ = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > kNever) candidates_.push_back({values[i], static_cast<std::int32_t>(i)});
  }
}

void Sampler::run(SamplerStep step) {
  const bool filters = options_.mirostat_tau <= 0.0F;
  switch (step) {
    case SamplerStep::kPenalties:
      return penalise();
    case SamplerStep::kDry:
      return penalise_repetitions();
    case SamplerStep::kTopK:
      return filters ? keep_top_k() : void();
    case SamplerStep::kTypicalP:
      return filters ? keep_typical() : void();
    case SamplerStep::kTopP:
      return filters ? keep_top_p() : void();
    case SamplerStep::kMinP:
      return filters ? keep_min_p() : void();
    case SamplerStep::kXtc:
      return filters ? exclude_top() : void();
    case SamplerStep::kTemperature:
      return set_temperature();
  }
}

std::span<const std::int32_t> Sampler::recent(std::size_t window) const {
  return std::span(recent_).last(std::min(window, recent_.size()));
}

// The logit of `id` becomes by(logit), in f32 whichever list holds it.
template <class Change>
void Sampler::change(std::int32_t id, const Change& by) {
  const auto index = static_cast<std::size_t>(id);
  if (!collected_) {
    if (index < values_.size()) values_[index] = by(values_[index]);
    return;
  }
  const auto found =
      std::lower_bound(candidates_.begin(), candidates_.end(), id,
                       [](const Candidate& c, std::int32_t wanted) { return c.id < wanted; });
  if (found != candidates_.end() && found->id == id)
    found->logit = static_cast<double>(by(static_cast<float>(found->logit)));
}

void Sampler::penalise() {
  const SamplerOptions& o = options_;
  if (o.repeat_penalty == 1.0F && o.presence_penalty == 0.0F && o.frequency_penalty == 0.0F) return;
  if (collected_) sort_by_id();
  for (const TokenCount& seen : count_tokens(recent(o.repeat_last_n))) {
    change(seen.id, [&](float logit) {
      const float divided = logit > 0.0F ? logit / o.repeat_penalty : logit * o.repeat_penalty;
      return divided - (static_cast<float>(seen.count) * o.frequency_penalty + o.presence_penalty);
    });
  }
}

void Sampler::penalise_repetitions() {
  const SamplerOptions& o = options_;
  if (o.dry_multiplier <= 0.0F) return;
  if (collected_) sort_by_id();
  for (const Repetition& r :
       find_repetitions(recent(o.dry_last_n), o.dry_breakers, o.dry_allowed)) {
    const double penalty = static_cast<double>(o.dry_multiplier) *
                           power(static_cast<double>(o.dry_base), r.length - o.dry_allowed);
    change(r.id, [&](float logit) { return logit - static_cast<float>(penalty); });
  }
}

void Sampler::sort_by_id() {
  const auto by_id = [](const Candidate& a, const Candidate& b) { return a.id < b.id; };
  if (!std::is_sorted(candidates_.begin(), candidates_.end(), by_id))
    std::sort(candidates_.begin(), candidates_.end(), by_id);
}

double Sampler::largest() const {
  double max = static_cast<double>(kNever);
  for (const Candidate& c : candidates_) max = std::max(max, c.logit);
  return max;
}

// weights_ = softmax of the candidates, ascending by id. Sums run in that order, whatever the steps
// before left: one result for one set.
void Sampler::weigh(double temperature) {
  sort_by_id();
  weights_.clear();
  const double max = largest();
  double total = 0;
  for (const Candidate& c : candidates_) {
    weights_.push_back(weight(c.logit, max, temperature));
    total += weights_.back();
  }
  for (double& w : weights_) w /= total;
}

/// In nats, of weights_.
double Sampler::entropy() {
  double sum = 0;
  for (const double p : weights_) {
    if (p > 0) sum -= p * log_fixed(p);
  }
  return sum;
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

// Equally typical tokens: the lower id first.
void Sampler::keep_typical() {
  if (options_.typical_p >= 1.0F || candidates_.empty()) return;
  weigh(temperature_);
  const double mean = entropy();
  struct Typical {
    double distance;
    std::size_t index;
  };
  std::vector<Typical> order;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] > 0) order.push_back({std::fabs(-log_fixed(weights_[i]) - mean), i});
  }
  std::sort(order.begin(), order.end(), [](const Typical& a, const Typical& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.index < b.index;
  });
  std::vector<Candidate> kept;
  double sum = 0;
  for (const Typical& t : order) {
    kept.push_back(candidates_[t.index]);
    sum += weights_[t.index];
    if (sum >= static_cast<double>(options_.typical_p)) break;
  }
  candidates_ = std::move(kept);
}

void Sampler::keep_top_p() {
  if (options_.top_p >= 1.0F) return;
  sort_by_id();
  const double max = largest();
  double total = 0;
  for (const Candidate& c : candidates_) total += weight(c.logit, max, temperature_);
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
      sum += weight(candidates_[kept].logit, max, temperature_);
    sorted = front;
  }
  candidates_.resize(kept);
}

// The best token weighs 1, so at least it stays.
void Sampler::keep_min_p() {
  if (options_.min_p <= 0.0F) return;
  const auto least = static_cast<double>(options_.min_p);
  const double max = largest();
  std::erase_if(candidates_,
                [&](const Candidate& c) { return weight(c.logit, max, temperature_) < least; });
}

// Two tokens cannot both have more than half: then nothing is asked of the generator either.
void Sampler::exclude_top() {
  const auto threshold = static_cast<double>(options_.xtc_threshold);
  if (options_.xtc_probability <= 0.0F || threshold > 0.5) return;
  if (rng_.next_unit_f64() >= static_cast<double>(options_.xtc_probability)) return;
  weigh(temperature_);
  std::size_t above = 0;
  std::size_t last =
      candidates_.size();  // the least likely of those above, the lowest id of equals
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] < threshold) continue;
    ++above;
    if (last == candidates_.size() || weights_[i] < weights_[last]) last = i;
  }
  if (above < 2) return;
  std::size_t index = 0;
  std::erase_if(candidates_, [&](const Candidate&) {
    const std::size_t i = index++;
    return weights_[i] >= threshold && i != last;
  });
}

void Sampler::set_temperature() {
  const auto base = static_cast<double>(options_.temperature);
  const auto range = static_cast<double>(options_.dynamic_range);
  if (range <= 0 || candidates_.size() < 2) {
    temperature_ = temperature_ * base;
    return;
  }
  weigh(temperature_);
  const double share = entropy() / log_fixed(static_cast<double>(candidates_.size()));
  const double low = std::max(0.0, base - range);
  // share^exponent by exp and log of our own; a share of zero (or below, by rounding) is zero.
  const double raised =
      share <= 0 ? 0.0
                 : exp_fixed(std::min(
                       0.0, static_cast<double>(options_.dynamic_exponent) * log_fixed(share)));
  // A temperature of zero would divide by it: the smallest normal keeps only the best.
  temperature_ *= std::max(low + (base + range - low) * raised, 1e-30);
}

// Surprise in bits. The least surprising token stays in any case.
void Sampler::keep_unsurprising() {
  weigh(temperature_);
  const double most = *std::max_element(weights_.begin(), weights_.end());
  std::size_t index = 0;
  std::erase_if(candidates_, [&](const Candidate&) {
    const double p = weights_[index++];
    return p < most && (p <= 0 || -log_fixed(p) / kLn2 > mirostat_mu_);
  });
}

std::int32_t Sampler::draw() {
  sort_by_id();
  const double max = largest();
  double total = 0;
  for (Candidate& c : candidates_) {
    c.logit = weight(c.logit, max, temperature_);  // from here on the weight
    total += c.logit;
  }
  const double target = rng_.next_unit_f64() * total;
  double sum = 0;
  const Candidate* chosen = nullptr;
  for (const Candidate& c : candidates_) {
    sum += c.logit;
    // u < 1, but u * total may round up to total: then it is the last token with a weight.
    if (c.logit > 0) chosen = &c;
    if (sum > target) break;
  }
  PX_ASSERT(chosen != nullptr);
  if (options_.mirostat_tau > 0.0F) {
    const double surprise = -log_fixed(chosen->logit / total) / kLn2;
    mirostat_mu_ -= static_cast<double>(options_.mirostat_rate) *
                    (surprise - static_cast<double>(options_.mirostat_tau));
  }
  return chosen->id;
}

// Twice the window is held before the older half goes, so that accepting costs O(1).
void Sampler::accept(std::int32_t id) {
  const std::size_t dry = options_.dry_multiplier > 0.0F ? options_.dry_last_n : 0;
  const std::size_t window = std::max<std::size_t>(options_.repeat_last_n, dry);
  if (window == 0 || id < 0) return;
  if (recent_.size() >= 2 * window)
    recent_.erase(recent_.begin(), recent_.end() - static_cast<std::ptrdiff_t>(window));
  recent_.push_back(id);
}

SamplerState Sampler::state() const {
  const std::size_t dry = options_.dry_multiplier > 0.0F ? options_.dry_last_n : 0;
  const auto held = recent(std::max<std::size_t>(options_.repeat_last_n, dry));
  return {rng_.position(), mirostat_mu_, {held.begin(), held.end()}};
}

void Sampler::restore(const SamplerState& state) {
  rng_ = CounterRng(options_.seed, state.random_position);
  mirostat_mu_ = state.mirostat_mu;
  recent_.clear();
  for (const std::int32_t id : state.recent) accept(id);
}

}  // namespace pxos::text
