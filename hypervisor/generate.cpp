#include "hypervisor/generate.hpp"

#include "pxvm/text/utf8_stream.hpp"

#include <algorithm>
#include <chrono>

namespace pxos::hypervisor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Streams text to the caller, holding back what may still become a stop string.
class TextOut {
 public:
  TextOut(std::vector<std::string> stops, const std::function<void(std::string_view)>& sink)
      : stops_(std::move(stops)), sink_(sink) {}

  /// True when a stop string is complete; it and everything after it is dropped.
  bool add(std::string_view text) {
    pending_ += text;
    for (const std::string& stop : stops_) {
      if (const std::size_t at = pending_.find(stop); !stop.empty() && at != std::string::npos) {
        emit(at);
        pending_.clear();
        return true;
      }
    }
    emit(pending_.size() - held_back());
    return false;
  }
  void flush() { emit(pending_.size()); }
  [[nodiscard]] std::string take() { return std::move(all_); }

 private:
  /// Length of the longest end of `pending_` that begins a stop string.
  [[nodiscard]] std::size_t held_back() const {
    std::size_t longest = 0;
    for (const std::string& stop : stops_) {
      for (std::size_t n = std::min(stop.size(), pending_.size()); n > longest; --n) {
        if (std::string_view(pending_).ends_with(std::string_view(stop).substr(0, n))) longest = n;
      }
    }
    return longest;
  }
  void emit(std::size_t count) {
    if (count == 0) return;
    all_.append(pending_, 0, count);
    if (sink_) sink_(std::string_view(pending_).substr(0, count));
    pending_.erase(0, count);
  }

  std::vector<std::string> stops_;
  const std::function<void(std::string_view)>& sink_;
  std::string pending_;
  std::string all_;
};

Result<std::vector<std::int32_t>> prompt_tokens(Mount& mount, std::string_view prompt,
                                                const AskOptions& options) {
  if (!options.chat) {
    if (options.fresh) mount.rewind(0);
    return mount.tokenizer()->encode(prompt, {mount.history().empty(), false});
  }
  if (mount.chat_template() == nullptr) {
    return fail(Errc::kUnsupported, "cartridge '{}' has no chat template: use ask", mount.name());
  }
  mount.messages.push_back({"user", std::string(prompt)});
  PX_TRY(std::vector<std::int32_t> tokens, chat_tokens(mount));
  // What the session already holds of this conversation is not evaluated again.
  const auto& held = mount.history();
  const auto diverge = std::mismatch(tokens.begin(), tokens.end(), held.begin(), held.end()).first;
  auto shared = static_cast<std::size_t>(diverge - tokens.begin());
  shared = std::min(shared, tokens.size() - 1);  // the last token is needed for its logits
  mount.rewind(shared);
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(shared));
  return tokens;
}

/// One generation: owns the sampler and the text on its way out.
class Generation {
 public:
  Generation(Mount& mount, const AskOptions& options, text::Sampler sampler,
             const std::atomic<bool>& stop)
      : mount_(mount),
        options_(options),
        sampler_(std::move(sampler)),
        stop_(stop),
        out_(stop_strings(mount, options), options.on_text) {}

  Result<AskReport> run(std::vector<std::int32_t> prompt) {
    report_.prompt_tokens = static_cast<std::int64_t>(prompt.size());
    for (const std::int32_t id : prompt) sampler_.accept(id);
    auto start = Clock::now();
    auto logits = mount_.evaluate(prompt, 1);
    report_.prefill_seconds = seconds_since(start);
    start = Clock::now();
    while (true) {
      if (!logits) {
        if (!finish_early(logits.error())) return tl::unexpected<Error>(std::move(logits).error());
        break;
      }
      PX_TRY(const bool done, next_token(*logits));
      if (done) break;
      logits = mount_.evaluate({&report_.tokens.back(), 1}, 1);
    }
    report_.decode_seconds = seconds_since(start);
    if (const std::string rest = utf8_.flush();
        report_.finish != FinishReason::kStop && !rest.empty())
      out_.add(rest);
    out_.flush();
    report_.text = out_.take();
    return std::move(report_);
  }

 private:
  static std::vector<std::string> stop_strings(const Mount& mount, const AskOptions& options) {
    std::vector<std::string> stops = options.stop;
    const auto& own = mount.cartridge().manifest().stop_strings;
    stops.insert(stops.end(), own.begin(), own.end());
    return stops;
  }

  /// A full context and an interruption end a generation; everything else is an error.
  bool finish_early(const Error& error) {
    if (error.code == Errc::kInterrupted) {
      report_.finish = FinishReason::kInterrupted;
      return true;
    }
    report_.finish = FinishReason::kContextFull;
    return error.code == Errc::kLimit && !report_.tokens.empty();
  }

  /// Samples, streams and says whether this was the last token.
  Result<bool> next_token(std::span<const float> logits) {
    if (stop_.load(std::memory_order_relaxed)) {
      report_.finish = FinishReason::kInterrupted;
      return true;
    }
    if (static_cast<std::int64_t>(report_.tokens.size()) >= options_.max_tokens) {
      report_.finish = FinishReason::kLength;
      return true;
    }
    PX_TRY(const std::int32_t id, sampler_.next(logits));
    sampler_.accept(id);
    report_.tokens.push_back(id);
    const auto& stops = mount_.cartridge().manifest().stop_tokens;
    if (mount_.tokenizer()->is_end_of_generation(id) ||
        std::find(stops.begin(), stops.end(), id) != stops.end()) {
      report_.finish = FinishReason::kStop;
      return true;
    }
    if (out_.add(utf8_.feed(mount_.tokenizer()->piece(id)))) {
      report_.finish = FinishReason::kStop;
      return true;
    }
    return false;
  }

  Mount& mount_;
  const AskOptions& options_;
  text::Sampler sampler_;
  const std::atomic<bool>& stop_;
  text::Utf8Stream utf8_;
  TextOut out_;
  AskReport report_;
};

}  // namespace

text::SamplerOptions default_sampling(const cartridges::Manifest& manifest) {
  text::SamplerOptions options;
  options.temperature = static_cast<float>(manifest.sampling.temperature);
  options.top_k = static_cast<std::uint32_t>(manifest.sampling.top_k);
  options.top_p = static_cast<float>(manifest.sampling.top_p);
  options.min_p = static_cast<float>(manifest.sampling.min_p);
  options.repeat_penalty = static_cast<float>(manifest.sampling.repeat_penalty);
  return options;
}

Result<std::vector<std::int32_t>> chat_tokens(const Mount& mount) {
  const text::Vocabulary& vocabulary = mount.tokenizer()->vocabulary();
  text::ChatInput input;
  input.messages = mount.messages;
  input.add_generation_prompt = true;
  if (vocabulary.bos)
    input.bos_token = vocabulary.tokens.at(static_cast<std::size_t>(*vocabulary.bos));
  if (vocabulary.eos)
    input.eos_token = vocabulary.tokens.at(static_cast<std::size_t>(*vocabulary.eos));
  PX_TRY(const std::string rendered, mount.chat_template()->render(input));
  // A template that writes the BOS token itself must not get a second one from the tokenizer.
  const bool has_bos = !input.bos_token.empty() && rendered.starts_with(input.bos_token);
  return mount.tokenizer()->encode(rendered, {!has_bos, true});
}

Result<AskReport> generate(Mount& mount, std::string_view prompt, const AskOptions& options,
                           const std::atomic<bool>& stop) {
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  PX_TRY(std::vector<std::int32_t> tokens, prompt_tokens(mount, prompt, options));
  if (tokens.empty()) return fail(Errc::kUsage, "the prompt is empty");
  PX_TRY(text::Sampler sampler, text::Sampler::create(options.sampling.value_or(
                                    default_sampling(mount.cartridge().manifest()))));
  Generation generation(mount, options, std::move(sampler), stop);
  auto report = generation.run(std::move(tokens));
  if (options.chat) {
    if (report) {
      mount.messages.push_back({"assistant", report->text});
    } else {
      mount.messages.pop_back();
    }
  }
  return report;
}

}  // namespace pxos::hypervisor
