#include "hypervisor/beam_search.hpp"

#include "pxvm/text/logprobs.hpp"
#include "pxvm/text/stop_strings.hpp"

#include <algorithm>
#include <chrono>

namespace pxos::hypervisor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A continuation of the prompt.
struct Open {
  std::vector<std::int32_t> tokens;
  std::vector<double> logprobs;          ///< of each token after those before it
  double logprob = 0;                    ///< their sum
  std::vector<text::TokenLogprob> next;  ///< likeliest continuations
  FinishReason finish = FinishReason::kLength;

  [[nodiscard]] double score() const {
    return tokens.empty() ? 0.0 : logprob / static_cast<double>(tokens.size());
  }
};

bool better(const Open& a, const Open& b) {
  return a.score() != b.score() ? a.score() > b.score() : a.tokens < b.tokens;
}

class Search {
 public:
  Search(Mount& mount, const AskOptions& options, const std::vector<std::string>& stops,
         const std::atomic<bool>& stop)
      : mount_(mount), options_(options), stops_(stops), stop_(stop) {}

  Result<AskReport> run(std::vector<std::int32_t> prompt) {
    AskReport report;
    report.prompt_tokens = static_cast<std::int64_t>(prompt.size());
    auto start = Clock::now();
    PX_TRY(const std::span<const float> logits, mount_.evaluate(prompt, 1));
    base_ = mount_.history();
    Open root;
    root.next = text::top_logprobs(logits, 2 * width());
    report.prefill_seconds = seconds_since(start);
    start = Clock::now();
    open_.push_back(std::move(root));
    for (std::int64_t step = 0; step < options_.max_tokens && !open_.empty(); ++step) {
      if (stop_.load(std::memory_order_relaxed)) break;
      if (!extend()) break;
      PX_TRY(const bool goes_on, evaluate());
      if (!goes_on || done_.size() >= width()) break;
    }
    const bool interrupted = stop_.load(std::memory_order_relaxed);
    for (Open& beam : open_) {
      if (interrupted) beam.finish = FinishReason::kInterrupted;
      done_.push_back(std::move(beam));
    }
    std::sort(done_.begin(), done_.end(), better);
    if (done_.size() > width()) done_.resize(width());
    if (!interrupted) PX_CHECK(settle(done_.front()));
    fill(report);
    report.decode_seconds = seconds_since(start);
    return report;
  }

 private:
  [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(options_.beams); }

  /// The best continuations of all open beams; those that end leave the race. False when a beam
  /// has no continuation.
  bool extend() {
    std::vector<Open> all;
    for (const Open& beam : open_) {
      for (const text::TokenLogprob& token : beam.next) {
        Open longer;
        longer.tokens = beam.tokens;
        longer.tokens.push_back(token.id);
        longer.logprobs = beam.logprobs;
        longer.logprobs.push_back(token.logprob);
        longer.logprob = beam.logprob + token.logprob;
        all.push_back(std::move(longer));
      }
    }
    if (all.empty()) return false;
    std::sort(all.begin(), all.end(), better);
    open_.clear();
    for (Open& beam : all) {
      if (open_.size() == width()) break;
      if (ends(beam)) {
        beam.finish = FinishReason::kStop;
        done_.push_back(std::move(beam));
      } else {
        open_.push_back(std::move(beam));
      }
    }
    return true;
  }

  [[nodiscard]] bool is_stop_token(std::int32_t id) const {
    const auto& stops = mount_.cartridge().manifest().stop_tokens;
    return mount_.tokenizer()->is_end_of_generation(id) ||
           std::find(stops.begin(), stops.end(), id) != stops.end();
  }
  [[nodiscard]] bool ends(const Open& beam) const {
    if (is_stop_token(beam.tokens.back())) return true;
    const std::string text = mount_.tokenizer()->decode(beam.tokens, {false, false});
    return std::any_of(stops_.begin(), stops_.end(), [&](const std::string& s) {
      return !s.empty() && text.find(s) != std::string::npos;
    });
  }

  /// Logits behind every open beam. Beams in the order of their tokens share the most with the one
  /// before. False when the context is full or the run was interrupted.
  Result<bool> evaluate() {
    std::sort(open_.begin(), open_.end(),
              [](const Open& a, const Open& b) { return a.tokens < b.tokens; });
    for (Open& beam : open_) {
      auto logits = go_to(beam.tokens);
      if (!logits &&
          (logits.error().code == Errc::kLimit || logits.error().code == Errc::kInterrupted)) {
        for (Open& full : open_) full.finish = FinishReason::kContextFull;
        return false;
      }
      if (!logits) return tl::unexpected<Error>(std::move(logits).error());
      beam.next = text::top_logprobs(*logits, 2 * width());
    }
    return true;
  }

  /// Makes the session hold the prompt and `tokens`; at least the last one is evaluated.
  Result<std::span<const float>> go_to(const std::vector<std::int32_t>& tokens) {
    const auto& held = mount_.history();
    std::size_t shared = 0;
    while (shared + 1 < tokens.size() && base_.size() + shared < held.size() &&
           held[base_.size() + shared] == tokens[shared])
      ++shared;
    mount_.rewind(base_.size() + shared);
    return mount_.evaluate(std::span(tokens).subspan(shared), 1);
  }

  /// The winner's tokens go into the session; as after any answer, the last one need not.
  Result<void> settle(const Open& best) {
    mount_.rewind(base_.size());
    if (best.tokens.size() < 2) return {};
    const auto most = std::span(best.tokens).first(best.tokens.size() - 1);
    auto logits = mount_.evaluate(most, 1);
    if (!logits) return tl::unexpected<Error>(std::move(logits).error());
    return {};
  }

  std::string text_of(const Open& beam) const {
    text::StopStrings out(stops_, {});
    std::vector<std::int32_t> tokens = beam.tokens;
    if (!tokens.empty() && is_stop_token(tokens.back())) tokens.pop_back();
    if (!out.add(mount_.tokenizer()->decode(tokens, {false, false}))) out.flush();
    return out.take();
  }

  void fill(AskReport& report) const {
    for (const Open& beam : done_)
      report.beams.push_back(
          {text_of(beam), beam.tokens, beam.logprobs, beam.logprob, beam.score()});
    report.text = report.beams.front().text;
    report.tokens = report.beams.front().tokens;
    report.finish = done_.front().finish;
    if (options_.on_text) options_.on_text(report.text);
  }

  Mount& mount_;
  const AskOptions& options_;
  const std::vector<std::string>& stops_;
  const std::atomic<bool>& stop_;
  std::vector<std::int32_t> base_;  ///< the session's tokens up to the prompt's end
  std::vector<Open> open_;
  std::vector<Open> done_;
};

}  // namespace

Result<AskReport> beam_search(Mount& mount, std::vector<std::int32_t> prompt,
                              const AskOptions& options, const std::vector<std::string>& stops,
                              const std::atomic<bool>& stop) {
  constexpr std::int64_t kMaxBeams = 64;
  if (options.beams < 1 || options.beams > kMaxBeams)
    return fail(Errc::kUsage, "{} beams, expected 1 to {}", options.beams, kMaxBeams);
  return Search(mount, options, stops, stop).run(std::move(prompt));
}

}  // namespace pxos::hypervisor
