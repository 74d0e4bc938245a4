// debug: a program, or a cartridge's model with a prompt, under the debugger. A terminal gets a
// prompt with history; a pipe is a script; --json is one request and one reply a line.

#include "shell/interrupt_signal.hpp"
#include "shell/print.hpp"
#include "shell/verbs/debug_target.hpp"
#include "shell/verbs/verb.hpp"
#include "shell/worker.hpp"

#include <array>
#include <cerrno>
#include <clocale>
#include <functional>
#include <memory>

#include <fmt/format.h>
#include <histedit.h>
#include <unistd.h>

namespace pxos::shell {
namespace {

using namespace std::chrono_literals;

struct EditLineDeleter {
  void operator()(EditLine* editor) const { el_end(editor); }
};
struct HistoryDeleter {
  void operator()(::History* history) const { history_end(history); }
};

/// Lines of a person at a terminal, or of a pipe.
class Lines {
 public:
  Lines() {
    if (isatty(STDIN_FILENO) == 0) return;
    // libedit reads multibyte characters only under a UTF-8 locale.
    if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1)
      std::setlocale(LC_CTYPE, "C.UTF-8");
    history_.reset(history_init());
    editor_.reset(el_init("pxos-debug", stdin, stdout, stderr));
    HistEvent event;
    history(history_.get(), &event, H_SETSIZE, 500);
    el_set(editor_.get(), EL_PROMPT, &prompt);
    el_set(editor_.get(), EL_EDITOR, "emacs");
    el_set(editor_.get(), EL_HIST, ::history, history_.get());
    el_set(editor_.get(), EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }

  /// False at the end of input. Ctrl-C throws away what was typed so far and is `forgotten`.
  bool read(std::string& line, const std::function<void()>& forgotten) {
    line.clear();
    if (!editor_) return read_plain(line);
    int count = 0;
    const char* text = nullptr;
    do {
      errno = 0;
      text = el_gets(editor_.get(), &count);
      if (text == nullptr && errno == EINTR) {
        forgotten();
        print_out("\n");
        el_reset(editor_.get());
      }
    } while (text == nullptr && errno == EINTR);
    if (text == nullptr || count <= 0) return false;
    line.assign(text, static_cast<std::size_t>(count));
    HistEvent event;
    if (line != "\n") history(history_.get(), &event, H_ENTER, text);
    return true;
  }

 private:
  static char* prompt(EditLine*) {
    static std::array<char, 8> text{'(', 'p', 'x', ')', ' ', '\0'};
    return text.data();
  }
  static bool read_plain(std::string& line) {
    int c = 0;
    while ((c = std::fgetc(stdin)) != EOF && c != '\n') line += static_cast<char>(c);
    return c != EOF || !line.empty();
  }

  std::unique_ptr<::History, HistoryDeleter> history_;
  std::unique_ptr<EditLine, EditLineDeleter> editor_;
};

/// Answers on a thread of its own so that Ctrl-C stops a run at any time.
class Answering {
 public:
  explicit Answering(Debugger& debugger, bool json) : debugger_(debugger), json_(json) {}

  /// An interrupt that met no command is none.
  void forget_interrupt() { static_cast<void>(signal_.take()); }

  std::string answer(const std::string& line) {
    std::string reply;
    worker_.submit([&](const std::atomic<bool>&) {
      reply = json_ ? debugger_.answer_json(line) + "\n" : debugger_.answer_text(line);
    });
    // Most commands are done at once: the first waits are short.
    for (auto wait = 1ms; !worker_.wait_idle(wait); wait = std::min(wait * 2, 50ms)) {
      if (signal_.take()) debugger_.interrupt();
    }
    return reply;
  }

 private:
  Debugger& debugger_;
  bool json_;
  InterruptSignal signal_;
  Worker worker_;
};

Result<int> run_session(Debugger& debugger, bool json) {
  Lines lines;
  Answering answering(debugger, json);
  print_out("{}", json ? debugger.greeting_json() + "\n" : debugger.greeting_text());
  std::fflush(stdout);
  std::string line;
  const auto forgotten = [&] { answering.forget_interrupt(); };
  while (!debugger.finished() && lines.read(line, forgotten)) {
    if (json && line.empty()) continue;
    print_out("{}", answering.answer(line));
    if (std::fflush(stdout) != 0) return fail(Errc::kIo, "debug: stdout cannot be written");
  }
  return 0;
}

}  // namespace

VerbAction setup_debug(VerbSyntax& verb) {
  auto arguments = std::make_shared<DebugArguments>();
  verb.add_option("TARGET", arguments->mount.cartridge,
                  "program without weights (.pxasm, .pxi, or a name), or a cartridge")
      ->required();
  verb.add_option("PROMPT", arguments->prompt, "text for a cartridge's model");
  verb.add_option("--tokens", arguments->tokens, "token ids as 1,2,3 instead of a prompt");
  verb.add_option("-n", arguments->new_tokens, "tokens to choose after the prompt")
      ->in_range(1, 1 << 20)
      ->capture_default_str();
  verb.add_option("--program", arguments->program,
                  "run the cartridge's weights under this .pxasm instead of its own program");
  verb.add_option("--entry", arguments->entry, "entry of a program")->capture_default_str();
  verb.add_option("--ctx", arguments->mount.context, "tokens the context holds")
      ->in_range(1, 1 << 20);
  verb.add_option("--batch", arguments->mount.batch, "tokens of one forward call, at most")
      ->in_range(1, 1 << 16);
  verb.add_option("--threads", arguments->mount.threads, "threads; default: all")
      ->in_range(1, 1024);
  verb.add_option("--screenshot", arguments->screenshot,
                  "write the screen here whenever it is presented");
  verb.add_option("--rom", arguments->host.rom, "the file `rom` of a program");
  verb.add_option("--keys", arguments->host.keys, "keys of a program, as for exec");
  verb.add_flag("--json", arguments->json,
                R"(one {"cmd": "..."} a line in, one object a line out)");
  return [arguments] {
    return with_debugger(
        *arguments, [&](Debugger& debugger) { return run_session(debugger, arguments->json); });
  };
}

}  // namespace pxos::shell
