// pxos run: one prompt, one answer on stdout; or the program of a cartridge without a model.

#include "hypervisor/generate.hpp"
#include "shell/exit_code.hpp"
#include "shell/format.hpp"
#include "shell/interrupt_signal.hpp"
#include "shell/terminal_output.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"
#include "shell/worker.hpp"

#include <optional>

#include <CLI/CLI.hpp>
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
  std::uint64_t seed = 0;
  std::vector<std::string> stop;
  bool chat = false;
  bool json = false;
};

/// The manifest's defaults with what the command line says on top.
text::SamplerOptions sampling(const Options& options, const cartridges::Manifest& manifest) {
  text::SamplerOptions sampler = hypervisor::default_sampling(manifest);
  sampler.temperature = options.temperature.value_or(sampler.temperature);
  sampler.top_k = options.top_k.value_or(sampler.top_k);
  sampler.top_p = options.top_p.value_or(sampler.top_p);
  sampler.min_p = options.min_p.value_or(sampler.min_p);
  sampler.repeat_penalty = options.repeat_penalty.value_or(sampler.repeat_penalty);
  sampler.seed = options.seed;
  return sampler;
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

nlohmann::json report_json(const hypervisor::AskReport& report) {
  return {{"text", report.text},
          {"tokens", report.tokens},
          {"prompt_tokens", report.prompt_tokens},
          {"prefill_seconds", report.prefill_seconds},
          {"decode_seconds", report.decode_seconds},
          {"finish", std::string(to_string(report.finish))}};
}

Result<int> answer(const Options& options, Mounted& mounted) {
  PX_TRY(const std::string prompt, prompt_text(options));
  hypervisor::AskOptions ask;
  ask.chat = options.chat;
  ask.max_tokens = options.max_tokens;
  ask.stop = options.stop;
  PX_CHECK(mounted.hypervisor->with_mount(
      mounted.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
        ask.sampling = sampling(options, mount.cartridge().manifest());
        return {};
      }));
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  if (!options.json) {
    ask.on_text = [terminal](std::string_view text) {
      fmt::print("{}", terminal ? printable(text) : std::string(text));
      std::fflush(stdout);
    };
  }
  PX_TRY(const hypervisor::AskReport report,
         interruptible<hypervisor::AskReport>(*mounted.hypervisor, [&] {
           return mounted.hypervisor->ask(mounted.info.name, prompt, ask);
         }));
  if (options.json) {
    fmt::print("{}\n", report_json(report).dump());
  } else {
    fmt::print("\n");
    const std::uint64_t decoded = report.tokens.empty() ? 0 : report.tokens.size() - 1;
    fmt::print(
        stderr, "{} tokens, {} tok/s; prompt {} tokens, {} tok/s; {}\n", report.tokens.size(),
        format_rate(decoded, report.decode_seconds), report.prompt_tokens,
        format_rate(static_cast<std::uint64_t>(report.prompt_tokens), report.prefill_seconds),
        to_string(report.finish));
  }
  if (std::fflush(stdout) != 0) return fail(Errc::kIo, "run: stdout cannot be written");
  return report.finish == hypervisor::FinishReason::kInterrupted ? kExitInterrupted : kExitOk;
}

Result<int> run(const Options& options) {
  TerminalOutput out(stdout, stderr, colours_for(stdout), terminal_columns(stdout));
  hypervisor::HostPorts ports;
  ports.console = [&](std::string_view text) { out.text(text, Style::kText); };
  ports.present = [&](const pixelfs::Image& image) { out.picture(image, ""); };
  PX_TRY(Mounted mounted, mount_cartridge(options.mount, ports));
  for (const std::string& note : mounted.info.notes) out.note(note);
  if (mounted.info.has_model) return answer(options, mounted);
  PX_CHECK(interruptible<void>(*mounted.hypervisor, [&] {
    return mounted.hypervisor->run_program(mounted.info.name, "main");
  }));
  return kExitOk;
}

void add_sampling(CLI::App& app, Options& options) {
  app.add_option("--temp", options.temperature, "temperature; 0 takes the likeliest token")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--top-k", options.top_k, "only the K likeliest tokens; 0 is off");
  app.add_option("--top-p", options.top_p, "the likeliest tokens that share P; 1 is off")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--min-p", options.min_p, "tokens with P of the likeliest's share; 0 is off")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--repeat-penalty", options.repeat_penalty, "above 1: repeat less");
  app.add_option("--seed", options.seed, "of the random numbers")->default_val(0);
}

}  // namespace

VerbAction setup_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CART", options->mount.cartridge, "cartridge: a file, or a name in the store")
      ->required();
  CLI::Option* prompt = app.add_option("PROMPT", options->prompt, "text; default: stdin");
  app.add_option("-n", options->max_tokens, "tokens at most")
      ->default_val(256)
      ->check(CLI::Range(1, 1 << 24));
  add_sampling(app, *options);
  app.add_option("--ctx", options->mount.context, "tokens the context holds")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--threads", options->mount.threads, "threads; default: all")
      ->check(CLI::Range(1, 1024));
  app.add_option("--load", options->mount.load, "how the file comes into memory")
      ->check(CLI::IsMember({"mmap", "prefault", "read"}))
      ->capture_default_str();
  app.add_option("--stop", options->stop, "text that ends the answer; may be given again")
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--chat", options->chat, "ask through the model's chat template");
  app.add_flag("--json", options->json, "one JSON object: text, tokens, times, why it ended");
  return [options, prompt]() -> Result<int> {
    options->has_prompt = prompt->count() > 0;
    return run(*options);
  };
}

}  // namespace pxos::shell
