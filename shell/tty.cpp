#include "shell/tty.hpp"

#include "shell/command_line.hpp"
#include "shell/console_view.hpp"
#include "shell/exit_code.hpp"
#include "shell/format.hpp"
#include "shell/interrupt_signal.hpp"
#include "shell/print.hpp"
#include "shell/session.hpp"
#include "shell/terminal_output.hpp"

#include <atomic>
#include <clocale>
#include <cstdlib>

#include <fmt/format.h>
#include <histedit.h>
#include <unistd.h>

namespace pxos::shell {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPrompt = "\1\x1b[38;2;127;219;190m\1›\1\x1b[0m\1 ";
constexpr const char* kPlainPrompt = "> ";

class TtyFront final : public Front {
 public:
  void clear() override {
    if (colours_for(stdout) == Colours::kOn) print_out("\x1b[H\x1b[2J\x1b[3J");
  }
  void quit() override { quit_ = true; }
  Result<void> screenshot(const std::filesystem::path&) override {
    return fail(Errc::kUnsupported,
                "screenshot: a terminal's screen is not ours (map FILE.png writes the map; "
                "pxos shell --headless --screenshot FILE.png the console)");
  }
  [[nodiscard]] bool left() const { return quit_; }

 private:
  std::atomic<bool> quit_{false};
};

struct EditLineDeleter {
  void operator()(EditLine* editor) const { el_end(editor); }
};
struct HistoryDeleter {
  void operator()(::History* history) const { history_end(history); }
};

/// A line editor over the terminal; keeps the session for completion.
class TerminalReader {
 public:
  TerminalReader(const Session& session, std::filesystem::path history_file)
      : session_(session), history_file_(std::move(history_file)) {
    history_.reset(history_init());
    editor_.reset(el_init("pxos", stdin, stdout, stderr));
    HistEvent event;
    history(history_.get(), &event, H_SETSIZE, 2000);
    history(history_.get(), &event, H_SETUNIQUE, 1);
    if (!history_file_.empty()) history(history_.get(), &event, H_LOAD, history_file_.c_str());
    el_set(editor_.get(), EL_CLIENTDATA, this);
    el_set(editor_.get(), EL_PROMPT_ESC, &prompt, '\1');
    el_set(editor_.get(), EL_EDITOR, "emacs");
    el_set(editor_.get(), EL_HIST, ::history, history_.get());
    el_set(editor_.get(), EL_ADDFN, "pxos-complete", "complete the word", &complete);
    el_set(editor_.get(), EL_BIND, "\t", "pxos-complete", nullptr);
    el_set(editor_.get(), EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_set(editor_.get(), EL_BIND, "^W", "ed-delete-prev-word", nullptr);
  }

  /// False at the end of input. An interrupted read gives an empty line.
  bool read(std::string& line) {
    int count = 0;
    const char* text = el_gets(editor_.get(), &count);
    line.clear();
    if (text == nullptr || count <= 0) return text == nullptr && errno == EINTR;
    line.assign(text, static_cast<std::size_t>(count));
    while (!line.empty() && line.back() == '\n') line.pop_back();
    remember(text);
    return true;
  }

 private:
  static char* prompt(EditLine*) {
    // libedit takes a char* and only reads it.
    static std::string kText = colours_for(stdout) == Colours::kOn ? kPrompt : kPlainPrompt;
    return kText.data();
  }

  static unsigned char complete(EditLine* editor, int) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    const LineInfo* info = el_line(editor);
    const std::string text(info->buffer, info->lastchar);
    const auto cursor = static_cast<std::size_t>(info->cursor - info->buffer);
    const auto& self = *static_cast<const TerminalReader*>(data);
    return self.apply(editor, text, cursor) ? CC_REFRESH : CC_ERROR;
  }

  /// Inserts what all candidates share; shows them when that is nothing.
  bool apply(EditLine* editor, const std::string& text, std::size_t cursor) const {
    const Completion found = session_.complete(text, cursor);
    if (found.candidates.empty()) return false;
    // LineEditor knows how to apply a completion; it is asked what would come out.
    History none;
    LineEditor scratch(none, [&](std::string_view, std::size_t) { return found; });
    scratch.insert(text.substr(0, cursor));
    scratch.handle({Key::kTab, 0, false, false, false});
    const std::string added = scratch.text().substr(std::min(cursor, scratch.text().size()));
    if (!added.empty()) return el_insertstr(editor, added.c_str()) == 0;
    print_out("\n");
    for (const std::string& candidate : found.candidates) print_out("{}  ", printable(candidate));
    print_out("\n");
    std::fflush(stdout);
    return true;
  }

  void remember(const char* line) {
    if (*line == '\n' || *line == ' ') return;
    HistEvent event;
    history(history_.get(), &event, H_ENTER, line);
    if (history_file_.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(history_file_.parent_path(), ignored);
    history(history_.get(), &event, H_SAVE, history_file_.c_str());
  }

  const Session& session_;
  std::filesystem::path history_file_;
  std::unique_ptr<::History, HistoryDeleter> history_;
  std::unique_ptr<EditLine, EditLineDeleter> editor_;
};

/// Lines of a pipe, without prompt and history.
bool read_plain(std::string& line) {
  line.clear();
  int c = 0;
  while ((c = std::fgetc(stdin)) != EOF && c != '\n') line += static_cast<char>(c);
  return c != EOF || !line.empty();
}

class TtyShell {
 public:
  TtyShell(System& system, ShellState& state) : state_(state), session_(system, state, front_) {}

  int run(const BootOptions& options) {
    BootOptions plain = options;
    plain.logo = false;
    session_.submit_work([plain](CommandContext& context) { return boot(context, plain); },
                         output(), done());
    wait();
    if (code_ != kExitOk) return code_;
    const bool interactive = isatty(STDIN_FILENO) == 1;
    std::optional<TerminalReader> reader;
    if (interactive) {
      const auto& history = state_.paths().state;
      reader.emplace(session_, history.empty() ? history : history / "tty_history");
    }
    std::string line;
    while (!front_.left() && (reader ? reader->read(line) : read_plain(line))) {
      if (interactive && line.empty() && left_by_interrupts()) break;
      run_line_and_wait(line);
    }
    if (interactive && !front_.left()) print_out("\n");
    return code_;
  }

 private:
  std::shared_ptr<Output> output() const {
    return std::make_shared<TerminalOutput>(stdout, stderr, colours_for(stdout),
                                            terminal_columns(stdout));
  }
  Session::Done done() {
    return [this](const Result<void>& result) {
      code_ = result ? kExitOk : exit_code(result.error().code);
    };
  }

  void run_line_and_wait(const std::string& line) {
    if (split_verb(line).verb.empty()) return;
    interrupts_ = 0;
    session_.submit(line, output(), done());
    wait();
  }

  void wait() {
    while (!session_.wait_idle(20ms)) {
      if (signal_.take()) session_.interrupt();
      session_.keep_interrupting();
    }
  }

  /// Ctrl-C on an empty line: the second one in a row leaves.
  bool left_by_interrupts() {
    if (!signal_.take()) return false;
    print_out("\n");
    if (++interrupts_ == 1) print_out("Ctrl-C again leaves\n");
    std::fflush(stdout);
    return interrupts_ > 1;
  }

  InterruptSignal signal_;
  ShellState& state_;
  TtyFront front_;
  Session session_;
  int code_ = kExitOk;
  int interrupts_ = 0;
};

}  // namespace

int run_tty(System& system, ShellState& state, const BootOptions& options) {
  // libedit reads multibyte characters only under a UTF-8 locale.
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1)
    std::setlocale(LC_CTYPE, "C.UTF-8");
  return TtyShell(system, state).run(options);
}

}  // namespace pxos::shell
