#pragma once
// Chooses the next token from logits. Same options, accepted tokens and logits give the same choice
// on every machine: own exp and log, fixed summation order, counter-based random numbers. One
// generation per sampler; not thread-safe.
//
// NaN and -inf logits, and tokens the mask forbids, are never candidates. The logit bias is added
// first; then the steps of `order` work on what the one before left (p = softmax of that at the
// temperature reached so far):
//   penalties    l = l > 0 ? l / repeat : l * repeat, then l - frequency * times - presence, for
//                each distinct token of the last repeat_last_n accepted ones
//   dry          l - multiplier * base^(n - allowed) for a token that would go on with a repetition
//                of n >= allowed tokens (repetition.hpp)
//   top_k        the first k; `a` is before `b` when its logit is larger, or equal with the lower
//   id typ_p        those whose surprise -ln p is nearest to its mean, until they share typical_p
//   top_p        the shortest front whose share of sum p reaches top_p, at least one token
//   min_p        those with p at least min_p times the likeliest's
//   xtc          with probability xtc_probability, when two or more have p >= threshold: all of
//                those but the least likely go
//   temperature  w = exp((l - max) / t). Dynamic: t between temperature -+ range, by
//                (entropy / ln n)^exponent
// Then the draw: the first token in ascending id order whose running sum of w exceeds u * sum w, u
// uniform in [0, 1). Temperature 0 takes the first candidate after bias, penalties and dry and
// draws nothing. Mirostat 2 takes the place of the five filters: those with surprise above mu bits
// go (mu starts at 2 tau), and after the draw mu = mu - rate * (surprise - tau).

#include "pxvm/base/rng.hpp"
#include "pxvm/text/sampler_options.hpp"

#include <span>

namespace pxos::text {

/// What a saved session needs to go on with the same choices.
struct SamplerState {
  std::uint64_t random_position = 0;
  double mirostat_mu = 0;
  std::vector<std::int32_t> recent;  ///< the last accepted tokens, oldest first
  friend bool operator==(const SamplerState&, const SamplerState&) = default;
};

/// One bit per token id, least significant first: 1 = may be chosen. Empty = all may.
using TokenMask = std::span<const std::uint64_t>;

class Sampler {
 public:
  /// Errors: those of validate().
  static Result<Sampler> create(const SamplerOptions& options);

  /// The token for `logits` (one per token id). Does not accept it. A draw takes one f64 (two
  /// values of the stream), and so does XTC where it is on. Errors: kInvalid when no logit is a
  /// candidate (all NaN or -inf or masked, or none at all).
  Result<std::int32_t> next(std::span<const float> logits, TokenMask mask = {});

  /// Notes a token of the prompt or a chosen one, for the penalties.
  void accept(std::int32_t id);

  [[nodiscard]] const SamplerOptions& options() const { return options_; }
  [[nodiscard]] SamplerState state() const;
  void restore(const SamplerState& state);

  struct Candidate {
    double logit;
    std::int32_t id;
  };
  /// What the last next() drew from, with weights in place of logits; for tests and displays.
  /// Empty at temperature 0.
  [[nodiscard]] std::span<const Candidate> drawn_from() const { return candidates_; }

 private:
  explicit Sampler(const SamplerOptions& options);
  std::span<const float> adjusted(std::span<const float> logits, TokenMask mask);
  void collect(std::span<const float> values);
  void run(SamplerStep step);
  [[nodiscard]] std::span<const std::int32_t> recent(std::size_t window) const;
  template <class Change>
  void change(std::int32_t id, const Change& by);
  void penalise();
  void penalise_repetitions();
  void sort_by_id();
  [[nodiscard]] double largest() const;
  void weigh(double temperature);
  [[nodiscard]] double entropy();
  void keep_top_k();
  void keep_typical();
  void keep_top_p();
  void keep_min_p();
  void exclude_top();
  void set_temperature();
  void keep_unsurprising();
  std::int32_t draw();
  static bool before(const Candidate& a, const Candidate& b);

  SamplerOptions options_;
  CounterRng rng_;
  double mirostat_mu_ = 0;
  double temperature_ = 1;            ///< reached so far in this next()
  bool collected_ = false;            ///< steps work on candidates_, no longer on values_
  std::vector<std::int32_t> recent_;  ///< the longest window's tokens at its end, oldest first
  // Scratch, kept to avoid an allocation per token.
  std::vector<float> values_;
  std::vector<Candidate> candidates_;
  std::vector<double> weights_;  ///< of candidates_, by position
};

}  // namespace pxos::text
