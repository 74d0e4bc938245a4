#include "shell/headless.hpp"

#include "shell/command_line.hpp"
#include "shell/console_view.hpp"
#include "shell/exit_code.hpp"
#include "shell/headless_screen.hpp"
#include "shell/interrupt_signal.hpp"
#include "shell/print.hpp"
#include "shell/session.hpp"
#include "shell/terminal_output.hpp"

#include <atomic>

namespace pxos::shell {
namespace {

using namespace std::chrono_literals;

/// The console that a window would show, drawn when somebody asks.
class HeadlessFront final : public Front {
 public:
  HeadlessFront(ShellState& state) : state_(state) {}

  void clear() override { transcript_.clear(); }
  void quit() override { quit_ = true; }
  Result<void> screenshot(const std::filesystem::path& path) override {
    ConsoleState console;
    console.input.prompt = "› ";
    console.status.left = state_.current().empty() ? "nothing is mounted" : state_.current();
    console.status.right = "F1 help";
    return write_screenshot(draw_console(transcript_, console, kDesignSize).image, path);
  }

  [[nodiscard]] bool left() const { return quit_; }
  [[nodiscard]] Transcript& transcript() { return transcript_; }

 private:
  ShellState& state_;
  Transcript transcript_;
  std::atomic<bool> quit_{false};
};

/// Writes to the stream and to a block of the transcript, both of which it owns.
class TeeToBlock final : public Output {
 public:
  TeeToBlock(std::FILE* stream, std::unique_ptr<Output> block)
      : terminal_(stream, stderr, colours_for(stream), terminal_columns(stream)),
        block_(std::move(block)),
        tee_(terminal_, *block_) {}
  void text(std::string_view utf8, Style style) override { tee_.text(utf8, style); }
  void picture(const pixelfs::Image& image, std::string_view caption) override {
    tee_.picture(image, caption);
  }
  void note(std::string_view line) override { tee_.note(line); }
  void activity(std::string_view line) override { tee_.activity(line); }

 private:
  TerminalOutput terminal_;
  std::unique_ptr<Output> block_;
  TeeOutput tee_;
};

class HeadlessRun {
 public:
  HeadlessRun(System& system, ShellState& state, std::FILE* stream)
      : front_(state), session_(system, state, front_), stream_(stream) {}

  /// The boot shows in the picture, not on stdout: that is for the results of the commands.
  bool boot_up(const BootOptions& options) {
    session_.submit_work([options](CommandContext& context) { return boot(context, options); },
                         front_.transcript().begin_block(),
                         [this](const Result<void>& result) { keep(result); });
    wait();
    return code_ == kExitOk;
  }

  void run(const std::string& line) {
    std::unique_ptr<Output> block = front_.transcript().begin_block();
    block->text("\n", Style::kText);
    block->text("› ", Style::kAccent);
    block->text(line + "\n", Style::kUser);
    session_.submit(line, std::make_shared<TeeToBlock>(stream_, std::move(block)),
                    [this](const Result<void>& result) { keep(result); });
    wait();
  }

  [[nodiscard]] bool ended() const { return front_.left() || interrupted_; }
  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] const std::string& error() const { return error_; }
  Result<void> screenshot(const std::filesystem::path& path) { return front_.screenshot(path); }

 private:
  void keep(const Result<void>& result) {
    if (result) return;
    code_ = exit_code(result.error().code);
    error_ = one_line(result.error());
  }

  void wait() {
    while (!session_.wait_idle(20ms)) {
      if (signal_.take()) {
        interrupted_ = true;
        session_.interrupt();
      }
      session_.keep_interrupting();
    }
  }

  InterruptSignal signal_;
  bool interrupted_ = false;
  int code_ = kExitOk;  ///< written by the worker, read when it is idle
  std::string error_;
  HeadlessFront front_;
  Session session_;
  std::FILE* stream_;
};

}  // namespace

int run_headless(System& system, ShellState& state, const HeadlessOptions& options,
                 std::FILE* standard_output) {
  HeadlessRun run(system, state, standard_output);
  const bool up = run.boot_up(options.boot);
  if (!up) print_to(stderr, "pxos: {}\n", run.error());
  const auto commands = split_commands(options.script);
  for (std::size_t i = 0; up && i < commands.size() && !run.ended(); ++i) run.run(commands[i]);
  if (options.screenshot) {
    if (const auto written = run.screenshot(*options.screenshot); !written) {
      print_to(stderr, "pxos: {}\n", one_line(written.error()));
      return exit_code(written.error().code);
    }
  }
  return run.code();
}

}  // namespace pxos::shell
