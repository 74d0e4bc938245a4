// ask, chat, new, run: what makes a guest run.

#include "shell/command.hpp"
#include "shell/format.hpp"

#include <chrono>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using Clock = std::chrono::steady_clock;

/// Streams an answer to the output and keeps the rate in the status line.
class Stream {
 public:
  explicit Stream(CommandContext& context) : context_(context) {}

  void operator()(std::string_view text) {
    // An interrupt that came before the guest began to run is lost to it: repeat it.
    if (context_.cancelled) context_.system.interrupt();
    if (pieces_++ == 0) first_ = Clock::now();
    // Models begin with a space or a line break more often than not.
    if (!begun_) text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
    begun_ = begun_ || !text.empty();
    if (!text.empty()) context_.out.text(text, Style::kModel);
    const double seconds = std::chrono::duration<double>(Clock::now() - first_).count();
    if (pieces_ > 2)
      context_.out.activity(format_rate(pieces_ - 1, seconds) + " tok/s   Esc stops");
  }

 private:
  CommandContext& context_;
  Clock::time_point first_;
  std::uint64_t pieces_ = 0;
  bool begun_ = false;
};

std::string summary(const hypervisor::AskReport& report) {
  const auto tokens = static_cast<std::uint64_t>(report.tokens.size());
  // The first token comes out of the prefill: the decode time holds the others.
  const std::uint64_t decoded = tokens > 0 ? tokens - 1 : 0;
  std::string line =
      fmt::format("{} tokens, {} tok/s", tokens, format_rate(decoded, report.decode_seconds));
  line += fmt::format(
      "; prompt {} tokens, {} tok/s", report.prompt_tokens,
      format_rate(static_cast<std::uint64_t>(report.prompt_tokens), report.prefill_seconds));
  // An interruption is reported as the command's result.
  const bool plain = report.finish == hypervisor::FinishReason::kStop ||
                     report.finish == hypervisor::FinishReason::kInterrupted;
  if (!plain) line += "; ended by " + std::string(to_string(report.finish));
  return line;
}

Result<void> answer(CommandContext& context, const std::string& text, Memory memory) {
  if (text.empty()) return fail(Errc::kUsage, "there is no text to send");
  PX_TRY(const hypervisor::MountInfo mount, pick_mount(context, ""));
  if (!mount.has_model) {
    return fail(Errc::kUnsupported, "{} has no language model (ls shows cartridges, help commands)",
                mount.name);
  }
  Question question;
  question.text = text;
  question.memory = memory;
  question.use_template = mount.has_chat;
  Stream stream(context);
  context.out.activity("reading the prompt");
  auto report = context.system.ask(mount.name, question, std::ref(stream));
  context.out.activity("");
  if (!report) return tl::unexpected(std::move(report).error());
  context.out.text("\n", Style::kModel);
  context.out.note(summary(*report));
  if (report->finish == hypervisor::FinishReason::kInterrupted)
    return fail(Errc::kInterrupted, "interrupted");
  return {};
}

}  // namespace

Result<void> command_ask(CommandContext& context, const std::vector<std::string>& words) {
  return answer(context, words[0], Memory::kFresh);
}

Result<void> command_chat(CommandContext& context, const std::vector<std::string>& words) {
  return answer(context, words[0], Memory::kConversation);
}

Result<void> command_new(CommandContext& context, const std::vector<std::string>&) {
  PX_TRY(const hypervisor::MountInfo mount, pick_mount(context, ""));
  PX_CHECK(context.system.forget(mount.name));
  context.out.text("a new conversation with ", Style::kText);
  context.out.text(mount.name + "\n", Style::kAccent);
  return {};
}

Result<void> command_run(CommandContext& context, const std::vector<std::string>& words) {
  PX_TRY(const hypervisor::MountInfo mount, pick_mount(context, words.empty() ? "" : words[0]));
  if (mount.has_model && words.size() < 2) {
    return fail(Errc::kUsage, "run: {} is a model: ask it something, or name an entry to run",
                mount.name);
  }
  const GuestOutput output{
      [&](std::string_view text) { context.out.text(text, Style::kText); },
      [&](const pixelfs::Image& image) { context.out.picture(image, ""); },
  };
  context.out.activity("running " + mount.name);
  auto result =
      context.system.run_program(mount.name, words.size() > 1 ? words[1] : "main", output);
  context.out.activity("");
  return result;
}

Result<void> command_reload(CommandContext& context, const std::vector<std::string>& words) {
  if (words.empty() || (words.size() == 2 && words[1] != "replay"))
    return fail(Errc::kUsage, "reload FILE.pxasm [replay]");
  PX_TRY(const hypervisor::MountInfo mount, pick_mount(context, ""));
  PX_TRY(const std::string told, context.system.reload(mount.name, words[0], {words.size() == 2}));
  context.out.text(told + "\n", Style::kText);
  return {};
}

}  // namespace pxos::shell
