// pxos run: one prompt, one answer on stdout; or the program of a cartridge without a model.

#include "cartridges/json_schema.hpp"
#include "hypervisor/generate.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/text/utf8.hpp"
#include "shell/exit_code.hpp"
#include "shell/format.hpp"
#include "shell/interrupt_signal.hpp"
#include "shell/print.hpp"
#include "shell/terminal_output.hpp"
#include "shell/verbs/program_watch.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"
#include "shell/worker.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace pxos::shell {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxPromptBytes = std::size_t{64} << 20U;

struct Options {
  MountArguments mount;
  std::string prompt;
  bool has_prompt = false;
  std::int64_t max_tokens = 256;
  std::optional<float> temperature;
  std::optional<std::uint32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repeat_penalty;
  text::SamplerOptions more;  ///< what no manifest has a default for
  std::string order;
  std::vector<std::string> logit_bias;
  std::string grammar;
  std::string schema;
  std::string context_policy = "stop";
  std::int64_t beams = 1;
  std::int64_t logprobs = -1;
  std::vector<std::string> stop;
  std::string program;
  bool watch = false;
  bool replay = false;
  bool chat = false;
  bool json = false;
};

/// "ID=BIAS"; "-inf" forbids a token.
Result<std::pair<std::int32_t, float>> parse_bias(const std::string& text) {
  const std::size_t sign = text.find('=');
  std::int32_t id = -1;
  const char* const end = text.data() + std::min(sign, text.size());
  const auto parsed = std::from_chars(text.data(), end, id);
  if (sign == std::string::npos || parsed.ec != std::errc() || parsed.ptr != end)
    return fail(Errc::kUsage, "--logit-bias '{}', expected ID=BIAS", text);
  const std::string value = text.substr(sign + 1);
  char* rest = nullptr;
  const float bias = std::strtof(value.c_str(), &rest);
  if (value.empty() || *rest != '\0')
    return fail(Errc::kUsage, "--logit-bias '{}': '{}' is no number", text, value);
  return std::pair(id, bias);
}

/// The manifest's defaults with what the command line says on top.
Result<text::SamplerOptions> sampling(const Options& options,
                                      const cartridges::Manifest& manifest) {
  const text::SamplerOptions defaults = hypervisor::default_sampling(manifest);
  text::SamplerOptions sampler = options.more;
  sampler.temperature = options.temperature.value_or(defaults.temperature);
  sampler.top_k = options.top_k.value_or(defaults.top_k);
  sampler.top_p = options.top_p.value_or(defaults.top_p);
  sampler.min_p = options.min_p.value_or(defaults.min_p);
  sampler.repeat_penalty = options.repeat_penalty.value_or(defaults.repeat_penalty);
  if (!options.order.empty()) {
    PX_TRY(sampler.order, text::parse_sampler_order(options.order));
  }
  for (const std::string& bias : options.logit_bias) {
    PX_TRY(auto pair, parse_bias(bias));
    sampler.logit_bias.push_back(std::move(pair));
  }
  PX_CHECK(text::validate(sampler));
  return sampler;
}

/// The grammar file, or the grammar of the schema file.
Result<std::string> grammar_text(const Options& options) {
  if (!options.grammar.empty() && !options.schema.empty())
    return fail(Errc::kUsage, "run: --grammar and --json-schema exclude each other");
  const std::string& path = options.grammar.empty() ? options.schema : options.grammar;
  if (path.empty()) return std::string();
  PX_TRY(const ByteVector bytes, read_file(path));
  if (!options.grammar.empty()) return std::string(as_text(bytes));
  auto made = cartridges::json_schema_grammar(bytes);
  if (!made) return in_context(path, std::move(made).error());
  return made;
}

hypervisor::ContextPolicy context_policy(const std::string& name) {
  if (name == "refuse") return hypervisor::ContextPolicy::kRefuse;
  return name == "shift" ? hypervisor::ContextPolicy::kShift : hypervisor::ContextPolicy::kStop;
}

Result<std::string> prompt_text(const Options& options) {
  if (options.has_prompt) return options.prompt;
  if (isatty(STDIN_FILENO) == 1) return fail(Errc::kUsage, "run: PROMPT is missing");
  std::string text;
  for (int c = std::fgetc(stdin); c != EOF; c = std::fgetc(stdin)) {
    if (text.size() >= kMaxPromptBytes)
      return fail(Errc::kLimit, "run: the prompt on stdin is longer than {} bytes",
                  kMaxPromptBytes);
    text += static_cast<char>(c);
  }
  return text;
}

/// Runs `work` on a thread of its own so that Ctrl-C reaches the guest at any time.
template <class T>
Result<T> interruptible(hypervisor::Hypervisor& hypervisor,
                        const std::function<Result<T>()>& work) {
  Result<T> result = fail(Errc::kInterrupted, "interrupted");
  InterruptSignal signal;
  bool interrupted = false;
  Worker worker;
  worker.submit([&](const std::atomic<bool>&) { result = work(); });
  while (!worker.wait_idle(20ms)) {
    interrupted = interrupted || signal.take();
    if (interrupted) hypervisor.interrupt();
  }
  return result;
}

nlohmann::json logprob_json(const text::TokenLogprob& token, const text::Tokenizer& tokenizer) {
  const std::string piece = tokenizer.piece(token.id, true);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(piece.data());
  return {{"id", token.id},
          {"logprob", token.logprob},
          // A token may hold a part of a character only: then the text shows a sign for it.
          {"text", text::to_valid_utf8(piece)},
          {"bytes", std::vector<int>(bytes, bytes + piece.size())}};
}

nlohmann::json report_json(const hypervisor::AskReport& report, const text::Tokenizer& tokenizer) {
  nlohmann::json out = {{"text", report.text},
                        {"tokens", report.tokens},
                        {"prompt_tokens", report.prompt_tokens},
                        {"prefill_seconds", report.prefill_seconds},
                        {"decode_seconds", report.decode_seconds},
                        {"finish", std::string(to_string(report.finish))}};
  for (const hypervisor::ReportedLogprob& step : report.logprobs) {
    nlohmann::json entry = logprob_json(step.token, tokenizer);
    for (const text::TokenLogprob& token : step.top)
      entry["top"].push_back(logprob_json(token, tokenizer));
    out["logprobs"].push_back(std::move(entry));
  }
  for (const hypervisor::Beam& beam : report.beams)
    out["beams"].push_back({{"text", beam.text},
                            {"tokens", beam.tokens},
                            {"logprob", beam.logprob},
                            {"score", beam.score}});
  if (report.shifted_tokens > 0) out["shifted_tokens"] = report.shifted_tokens;
  return out;
}

void print_summary(const hypervisor::AskReport& report) {
  const std::uint64_t decoded = report.tokens.empty() ? 0 : report.tokens.size() - 1;
  print_to(stderr, "{} tokens, {} tok/s; prompt {} tokens, {} tok/s; {}\n", report.tokens.size(),
           format_rate(decoded, report.decode_seconds), report.prompt_tokens,
           format_rate(static_cast<std::uint64_t>(report.prompt_tokens), report.prefill_seconds),
           to_string(report.finish));
  if (report.shifted_tokens > 0)
    print_to(stderr, "{} tokens left the full context\n", report.shifted_tokens);
}

Result<hypervisor::AskOptions> ask_options(const Options& options, Mounted& mounted) {
  hypervisor::AskOptions ask;
  ask.chat = options.chat;
  ask.max_tokens = options.max_tokens;
  ask.stop = options.stop;
  ask.beams = options.beams;
  ask.logprobs = options.logprobs;
  ask.context_policy = context_policy(options.context_policy);
  PX_TRY(ask.grammar, grammar_text(options));
  PX_CHECK(mounted.hypervisor->with_mount(
      mounted.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
        PX_TRY(ask.sampling, sampling(options, mount.cartridge().manifest()));
        return {};
      }));
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  if (!options.json) {
    ask.on_text = [terminal](std::string_view text) {
      print_out("{}", terminal ? printable(text) : std::string(text));
      std::fflush(stdout);
    };
  }
  return ask;
}

Result<int> answer(const Options& options, Mounted& mounted) {
  PX_TRY(const std::string prompt, prompt_text(options));
  PX_TRY(const hypervisor::AskOptions ask, ask_options(options, mounted));
  PX_TRY(const hypervisor::AskReport report,
         interruptible<hypervisor::AskReport>(*mounted.hypervisor, [&] {
           return mounted.hypervisor->ask(mounted.info.name, prompt, ask);
         }));
  if (options.json) {
    PX_CHECK(mounted.hypervisor->with_mount(
        mounted.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
          print_out("{}\n", report_json(report, *mount.tokenizer()).dump());
          return {};
        }));
  } else {
    print_out("\n");
    print_summary(report);
  }
  if (std::fflush(stdout) != 0) return fail(Errc::kIo, "run: stdout cannot be written");
  return report.finish == hypervisor::FinishReason::kInterrupted ? kExitInterrupted : kExitOk;
}

/// Errors: kUnsupported for a language model without a tokenizer: there is nothing to run but its
/// forward pass, and that wants ids.
Result<void> refuse_without_tokenizer(hypervisor::Mount& mount) {
  const isa::Program& program = mount.machine().linked().program();
  if (program.find_entry("main") != nullptr || program.find_entry("forward") == nullptr) return {};
  return fail(Errc::kUnsupported, "{}: this model has no tokenizer, it takes token ids and no text",
              mount.name());
}

/// --program: before the first token, and with --watch whenever the file is saved.
Result<std::unique_ptr<ProgramWatch>> take_program(const Options& options, Mounted& mounted) {
  if (options.program.empty()) {
    if (options.watch) return fail(Errc::kUsage, "run: --watch needs --program");
    return std::unique_ptr<ProgramWatch>();
  }
  // First the watch: what is saved while the file is read for the first time counts, too.
  const auto say = [](const std::string& text) { print_to(stderr, "\n{}\n", printable(text)); };
  std::unique_ptr<ProgramWatch> watch;
  if (options.watch)
    watch = std::make_unique<ProgramWatch>(*mounted.hypervisor, mounted.info.name, options.program,
                                           ProgramWatch::Options{{options.replay}, say});
  PX_TRY(const hypervisor::ReloadReport report,
         reload_file(*mounted.hypervisor, mounted.info.name, options.program, {}));
  print_to(stderr, "{}\n", reload_text(options.program, report));
  return watch;
}

Result<int> run(const Options& options) {
  TerminalOutput out(stdout, stderr, colours_for(stdout), terminal_columns(stdout));
  hypervisor::HostPorts ports;
  ports.console = [&](std::string_view text) { out.text(text, Style::kText); };
  ports.present = [&](const pixelfs::Image& image) { out.picture(image, ""); };
  PX_TRY(Mounted mounted, mount_cartridge(options.mount, ports));
  for (const std::string& note : mounted.info.notes) out.note(note);
  PX_TRY(const auto watch, take_program(options, mounted));
  if (mounted.info.has_model) return answer(options, mounted);
  PX_CHECK(mounted.hypervisor->with_mount(mounted.info.name, refuse_without_tokenizer));
  PX_CHECK(interruptible<void>(*mounted.hypervisor, [&] {
    return mounted.hypervisor->run_program(mounted.info.name, "main");
  }));
  return kExitOk;
}

void add_sampling(VerbSyntax& app, Options& options) {
  app.add_option("--temp", options.temperature, "temperature; 0 takes the likeliest token")
      ->in_range(0.0, 100.0);
  app.add_option("--top-k", options.top_k, "only the K likeliest tokens; 0 is off");
  app.add_option("--top-p", options.top_p, "the likeliest tokens that share P; 1 is off")
      ->in_range(0.0, 1.0);
  app.add_option("--min-p", options.min_p, "tokens with P of the likeliest's share; 0 is off")
      ->in_range(0.0, 1.0);
  app.add_option("--repeat-penalty", options.repeat_penalty, "above 1: repeat less");
  text::SamplerOptions& more = options.more;
  app.add_option("--seed", more.seed, "of the random numbers")->default_val("0");
  app.add_option("--presence-penalty", more.presence_penalty, "off a token that came before");
  app.add_option("--frequency-penalty", more.frequency_penalty, "off a token, for each time");
  app.add_option("--repeat-last-n", more.repeat_last_n, "tokens the penalties look at")
      ->capture_default_str();
  app.add_option("--typical-p", more.typical_p, "the most typical tokens that share P; 1 is off");
  app.add_option("--dynatemp-range", more.dynamic_range, "temperature +- this, by entropy");
  app.add_option("--dynatemp-exponent", more.dynamic_exponent, "how entropy counts there");
  app.add_option("--logit-bias", options.logit_bias, "ID=BIAS; may be given again")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--samplers", options.order, "the steps, in order")
      ->default_str(text::sampler_order_text(more.order));
}

void add_rare_sampling(VerbSyntax& app, text::SamplerOptions& more) {
  app.add_option("--xtc-probability", more.xtc_probability, "how often XTC cuts; 0 is off");
  app.add_option("--xtc-threshold", more.xtc_threshold, "share that counts as likely")
      ->capture_default_str();
  app.add_option("--dry-multiplier", more.dry_multiplier, "of DRY's penalty; 0 is off");
  app.add_option("--dry-base", more.dry_base, "growth with each repeated token")
      ->capture_default_str();
  app.add_option("--dry-allowed-length", more.dry_allowed, "repeated tokens that cost nothing")
      ->capture_default_str();
  app.add_option("--dry-last-n", more.dry_last_n, "tokens DRY looks at")->capture_default_str();
  app.add_option("--mirostat-tau", more.mirostat_tau, "surprise aimed at, in bits; 0 is off");
  app.add_option("--mirostat-rate", more.mirostat_rate, "how fast it is corrected")
      ->capture_default_str();
}

void add_answer(VerbSyntax& app, Options& options) {
  app.add_option("--grammar", options.grammar, "GBNF file the answer must follow");
  app.add_option("--json-schema", options.schema, "JSON schema file the answer must follow");
  app.add_option("--beams", options.beams, "beam search of this width instead of sampling")
      ->in_range(1, 64)
      ->capture_default_str();
  app.add_option("--logprobs", options.logprobs,
                 "with --json: each token's log-probability and the N likeliest")
      ->in_range(0, 100);
  app.add_option("--context-policy", options.context_policy, "when the context is full")
      ->one_of({"stop", "refuse", "shift"})
      ->capture_default_str();
  app.add_option("--stop", options.stop, "text that ends the answer; may be given again")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--program", options.program,
                 "run the weights under this .pxasm instead of the cartridge's own program");
  app.add_flag("--watch", options.watch,
               "with --program: take the file again, between two tokens, whenever it is saved");
  app.add_flag("--replay", options.replay,
               "with --watch: evaluate the conversation again under the new program");
  app.add_flag("--chat", options.chat, "ask through the model's chat template");
  app.add_flag("--json", options.json, "one JSON object: text, tokens, times, why it ended");
}

}  // namespace

VerbAction setup_run(VerbSyntax& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CART", options->mount.cartridge, "cartridge: a file, or a name in the store")
      ->required();
  Option* prompt = app.add_option("PROMPT", options->prompt, "text; default: stdin");
  app.add_option("-n", options->max_tokens, "tokens at most")
      ->default_val("256")
      ->in_range(1, 1 << 24);
  add_sampling(app, *options);
  app.add_option("--ctx", options->mount.context, "tokens the context holds")->in_range(1, 1 << 20);
  app.add_option("--threads", options->mount.threads, "threads; default: all")->in_range(1, 1024);
  app.add_option("--load", options->mount.load, "how the file comes into memory")
      ->one_of({"mmap", "prefault", "read"})
      ->capture_default_str();
  add_rare_sampling(app, options->more);
  add_answer(app, *options);
  return [options, prompt]() -> Result<int> {
    options->has_prompt = prompt->count() > 0;
    return run(*options);
  };
}

}  // namespace pxos::shell
