#include "hypervisor/generate.hpp"

#include "hypervisor/beam_search.hpp"
#include "pxvm/text/grammar/matcher.hpp"
#include "pxvm/text/stop_strings.hpp"
#include "pxvm/text/utf8_stream.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>

namespace pxos::hypervisor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What of `tokens` the session does not hold yet. What it holds beyond the common beginning is
/// forgotten; the last token is always evaluated, for its logits.
std::vector<std::int32_t> not_held(Mount& mount, std::vector<std::int32_t> tokens) {
  const auto& held = mount.history();
  const auto diverge = std::mismatch(tokens.begin(), tokens.end(), held.begin(), held.end()).first;
  auto shared = static_cast<std::size_t>(diverge - tokens.begin());
  if (!tokens.empty()) shared = std::min(shared, tokens.size() - 1);
  mount.rewind(shared);
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(shared));
  return tokens;
}

Result<std::vector<std::int32_t>> prompt_tokens(Mount& mount, std::string_view prompt,
                                                const AskOptions& options) {
  if (!options.chat) {
    if (!options.fresh) return mount.tokenizer()->encode(prompt, {mount.history().empty(), false});
    PX_TRY(std::vector<std::int32_t> tokens, mount.tokenizer()->encode(prompt, {true, false}));
    return not_held(mount, std::move(tokens));
  }
  if (mount.chat_template() == nullptr) {
    return fail(Errc::kUnsupported, "cartridge '{}' has no chat template: use ask", mount.name());
  }
  mount.messages.push_back({"user", std::string(prompt)});
  PX_TRY(std::vector<std::int32_t> tokens, chat_tokens(mount));
  return not_held(mount, std::move(tokens));
}

std::vector<std::string> stop_strings(const Mount& mount, const AskOptions& options) {
  std::vector<std::string> stops = options.stop;
  const auto& own = mount.cartridge().manifest().stop_strings;
  stops.insert(stops.end(), own.begin(), own.end());
  return stops;
}

/// A grammar and what follows it through the answer.
struct Constraint {
  text::Grammar grammar;
  text::TokenTrie trie;
  std::optional<text::GrammarMatcher> matcher;  ///< refers to both

  static Result<std::unique_ptr<Constraint>> create(const Mount& mount, std::string_view gbnf) {
    if (gbnf.empty()) return std::unique_ptr<Constraint>();
    PX_TRY(text::Grammar grammar, text::Grammar::parse(gbnf));
    auto made = std::make_unique<Constraint>(
        Constraint{std::move(grammar), text::TokenTrie(*mount.tokenizer()), std::nullopt});
    PX_TRY(text::GrammarMatcher matcher, text::GrammarMatcher::create(made->grammar, made->trie));
    made->matcher.emplace(std::move(matcher));
    return made;
  }
};

/// One generation: owns the sampler and the text on its way out.
class Generation {
 public:
  Generation(Mount& mount, const AskOptions& options, text::Sampler sampler,
             std::unique_ptr<Constraint> constraint, const std::atomic<bool>& stop)
      : mount_(mount),
        options_(options),
        sampler_(std::move(sampler)),
        constraint_(std::move(constraint)),
        stop_(stop),
        out_(stop_strings(mount, options), options.on_text) {}

  Result<AskReport> run(std::vector<std::int32_t> prompt) {
    report_.prompt_tokens = static_cast<std::int64_t>(prompt.size());
    // Penalties see the whole context, whether or not its beginning was held already.
    for (const std::int32_t id : mount_.history()) sampler_.accept(id);
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
      if (options_.between_tokens) PX_CHECK(options_.between_tokens());
      auto room = make_room();
      if (room) {
        logits = mount_.evaluate({&report_.tokens.back(), 1}, 1);
      } else {
        logits = tl::unexpected<Error>(std::move(room).error());
      }
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
  /// ContextPolicy::kShift: keys and values hold positions, so what stays is evaluated again.
  Result<void> make_room() {
    const std::vector<std::int32_t>& held = mount_.history();
    const auto full = static_cast<std::size_t>(mount_.context_length());
    if (options_.context_policy != ContextPolicy::kShift || held.size() < full || full < 4)
      return {};
    const auto newer = static_cast<std::ptrdiff_t>((held.size() - 1) / 2);
    const std::vector<std::int32_t> kept(held.end() - newer, held.end());
    report_.shifted_tokens += static_cast<std::int64_t>(held.size() - 1 - kept.size());
    mount_.rewind(1);
    auto logits = mount_.evaluate(kept, 1);
    if (!logits) return tl::unexpected<Error>(std::move(logits).error());
    return {};
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
    text::TokenMask mask;
    if (constraint_) {
      auto allowed = constraint_->matcher->mask();
      // A whole text that no token can end or go on with is an answer all the same.
      const bool ends =
          !allowed && allowed.error().code == Errc::kInvalid && constraint_->matcher->is_complete();
      report_.finish = FinishReason::kStop;
      if (ends) return true;
      PX_TRY(mask, std::move(allowed));
    }
    PX_TRY(const std::int32_t id, sampler_.next(logits, mask));
    sampler_.accept(id);
    report_.tokens.push_back(id);
    if (options_.logprobs >= 0) report_.logprobs.push_back(logprob_of(id, logits));
    const auto& stops = mount_.cartridge().manifest().stop_tokens;
    if (mount_.tokenizer()->is_end_of_generation(id) ||
        std::find(stops.begin(), stops.end(), id) != stops.end()) {
      report_.finish = FinishReason::kStop;
      return true;
    }
    const std::string piece = mount_.tokenizer()->piece(id);
    if (constraint_) PX_CHECK(constraint_->matcher->accept(piece));
    if (out_.add(utf8_.feed(piece))) {
      report_.finish = FinishReason::kStop;
      return true;
    }
    return false;
  }

  [[nodiscard]] ReportedLogprob logprob_of(std::int32_t id, std::span<const float> logits) const {
    const auto logit = static_cast<double>(logits[static_cast<std::size_t>(id)]);
    return {{id, logit - text::log_normaliser(logits)},
            text::top_logprobs(logits, static_cast<std::size_t>(options_.logprobs))};
  }

  Mount& mount_;
  const AskOptions& options_;
  text::Sampler sampler_;
  std::unique_ptr<Constraint> constraint_;
  const std::atomic<bool>& stop_;
  text::Utf8Stream utf8_;
  text::StopStrings out_;
  AskReport report_;
};

/// The wall clock, in the machine's time zone: templates that tell the model the date ask for it.
std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  return parts;
}

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
  input.now = local_time();
  if (vocabulary.bos)
    input.bos_token = vocabulary.tokens.at(static_cast<std::size_t>(*vocabulary.bos));
  if (vocabulary.eos)
    input.eos_token = vocabulary.tokens.at(static_cast<std::size_t>(*vocabulary.eos));
  PX_TRY(const std::string rendered, mount.chat_template()->render(input));
  // A template that writes the BOS token itself must not get a second one from the tokenizer.
  const bool has_bos = !input.bos_token.empty() && rendered.starts_with(input.bos_token);
  return mount.tokenizer()->encode(rendered, {!has_bos, true});
}

namespace {

/// The texts that DRY does not repeat over, as the tokens that hold one of them.
std::vector<std::int32_t> default_breakers(const text::Tokenizer& tokenizer) {
  std::vector<std::int32_t> out;
  for (std::int32_t id = 0; id < tokenizer.size(); ++id) {
    const std::string piece = tokenizer.piece(id);
    if (tokenizer.is_control(id) || piece.find_first_of("\n:\"*") != std::string::npos)
      out.push_back(id);
  }
  return out;
}

Result<void> check_options(const Mount& mount, const AskOptions& options,
                           std::size_t prompt_tokens) {
  if (options.beams > 1 && (!options.grammar.empty() || options.logprobs >= 0))
    return fail(Errc::kUsage, "beam search goes with neither a grammar nor logprobs");
  if (options.logprobs > 100)
    return fail(Errc::kUsage, "{} logprobs for each token, at most 100", options.logprobs);
  if (options.context_policy != ContextPolicy::kRefuse) return {};
  // The last token of an answer is never evaluated.
  const std::int64_t needed =
      static_cast<std::int64_t>(mount.history().size() + prompt_tokens) + options.max_tokens - 1;
  if (needed > mount.context_length())
    return fail(Errc::kLimit, "prompt and answer may take {} tokens, the context holds {}", needed,
                mount.context_length());
  return {};
}

Result<AskReport> answer(Mount& mount, std::vector<std::int32_t> prompt, const AskOptions& options,
                         const std::atomic<bool>& stop) {
  PX_CHECK(check_options(mount, options, prompt.size()));
  if (options.beams > 1)
    return beam_search(mount, std::move(prompt), options, stop_strings(mount, options), stop);
  text::SamplerOptions sampling =
      options.sampling.value_or(default_sampling(mount.cartridge().manifest()));
  if (sampling.dry_multiplier > 0.0F && sampling.dry_breakers.empty())
    sampling.dry_breakers = default_breakers(*mount.tokenizer());
  PX_TRY(text::Sampler sampler, text::Sampler::create(sampling));
  PX_TRY(auto constraint, Constraint::create(mount, options.grammar));
  Generation generation(mount, options, std::move(sampler), std::move(constraint), stop);
  return generation.run(std::move(prompt));
}

}  // namespace

Result<AskReport> generate(Mount& mount, std::string_view prompt, const AskOptions& options,
                           const std::atomic<bool>& stop) {
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  const std::size_t messages = mount.messages.size();
  PX_TRY(std::vector<std::int32_t> tokens, prompt_tokens(mount, prompt, options));
  if (tokens.empty()) return fail(Errc::kUsage, "the prompt is empty");
  auto report = answer(mount, std::move(tokens), options, stop);
  // A question without an answer is taken back.
  if (!report) mount.messages.resize(std::min(messages, mount.messages.size()));
  if (report && options.chat) mount.messages.push_back({"assistant", report->text});
  return report;
}

}  // namespace pxos::hypervisor
