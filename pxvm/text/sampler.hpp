#pragma once
// Chooses the next token from logits. Same options, accepted tokens and logits give the same choice
// on every machine: own exp, fixed summation order, counter-based random numbers. One generation
// per sampler; not thread-safe.
//
// Order: repeat penalty -> top-k -> top-p -> min-p -> temperature -> draw.
//   NaN and -inf logits are never candidates. `a` is before `b` when its logit is larger, or equal
//   with the lower id.
//   penalty  l = l > 0 ? l / penalty : l * penalty, once for each distinct token of the last
//            repeat_last_n accepted ones
//   top-k    the first k
//   top-p    the shortest front whose share of sum exp(l - max) reaches top_p, at least one token
//   min-p    those with exp(l - max) >= min_p
//   draw     w = exp((l - max) / temperature); the first token in ascending id order whose running
//            sum of w exceeds u * sum w, u uniform in [0, 1)
// Temperature 0 takes the first candidate after the penalty and draws nothing.

#include "pxvm/base/result.hpp"
#include "pxvm/base/rng.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace pxos::text {

/// The defaults are greedy, with every filter off.
struct SamplerOptions {
  float temperature = 0.0F;          ///< >= 0; 0 = greedy
  std::uint32_t top_k = 0;           ///< 0 = off
  float top_p = 1.0F;                ///< (0, 1]; 1 = off
  float min_p = 0.0F;                ///< [0, 1]; 0 = off
  float repeat_penalty = 1.0F;       ///< > 0; 1 = off
  std::uint32_t repeat_last_n = 64;  ///< at most 65 536
  std::uint64_t seed = 0;
};

/// What a saved session needs to go on with the same choices.
struct SamplerState {
  std::uint64_t random_position = 0;
  std::vector<std::int32_t> recent;  ///< the last accepted tokens, oldest first
  friend bool operator==(const SamplerState&, const SamplerState&) = default;
};

class Sampler {
 public:
  /// Errors: kUsage naming the option and its range.
  static Result<Sampler> create(const SamplerOptions& options);

  /// The token for `logits` (one per token id). Does not accept it. Draws one f64 (two values of
  /// the stream) unless the temperature is 0. Errors: kInvalid when no logit is a candidate (all
  /// NaN or -inf, or none at all).
  Result<std::int32_t> next(std::span<const float> logits);

  /// Notes a token of the prompt or a chosen one, for the repeat penalty.
  void accept(std::int32_t id);

  [[nodiscard]] const SamplerOptions& options() const { return options_; }
  [[nodiscard]] SamplerState state() const;
  void restore(const SamplerState& state);

 private:
  struct Candidate {
    double logit;
    std::int32_t id;
  };
  explicit Sampler(const SamplerOptions& options);
  std::span<const float> penalised(std::span<const float> logits);
  void collect(std::span<const float> logits);
  void sort_by_id();
  void keep_top_k();
  void keep_top_p(double max);
  void keep_min_p(double max);
  std::int32_t draw(double max);
  static bool before(const Candidate& a, const Candidate& b);

  SamplerOptions options_;
  CounterRng rng_;
  std::vector<std::int32_t> recent_;  ///< ring of at most repeat_last_n
  std::size_t oldest_ = 0;
  // Scratch, kept to avoid an allocation per token.
  std::vector<float> penalised_;
  std::vector<Candidate> candidates_;
};

}  // namespace pxos::text
