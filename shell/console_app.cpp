#include "shell/console_app.hpp"

#include "shell/command_line.hpp"
#include "shell/format.hpp"
#include "shell/headless_screen.hpp"

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using namespace std::chrono_literals;

constexpr auto kBusyTick = 16ms;   // while something runs: smooth streaming, prompt interrupts
constexpr auto kIdleTick = 250ms;  // nothing to do but listen
constexpr std::string_view kPrompt = "› ";
constexpr std::size_t kWheelRows = 3;
constexpr std::size_t kMostCandidates = 12;

}  // namespace

ConsoleApp::ConsoleApp(Screen& screen, System& system, ShellState& state, History& history)
    : screen_(screen),
      system_(system),
      state_(state),
      history_(history),
      transcript_([this] { changed(); }),
      editor_(history, [this](std::string_view text,
                              std::size_t cursor) { return session_.complete(text, cursor); }),
      session_(system, state, *this) {}

ConsoleApp::~ConsoleApp() {
  quit_ = true;  // a worker that waits for a screenshot gives up
}

void ConsoleApp::changed() {
  // One wake-up per frame is enough: the flag is still up when the frame has not been drawn.
  if (!dirty_.exchange(true)) screen_.wake();
}

void ConsoleApp::clear() {
  transcript_.clear();
}

void ConsoleApp::quit() {
  quit_ = true;
  screen_.wake();
}

Result<void> ConsoleApp::screenshot(const std::filesystem::path& path) {
  ScreenshotRequest request{path, {}};
  std::future<Result<void>> written = request.written.get_future();
  {
    const std::scoped_lock lock(mutex_);
    screenshots_.push_back(std::move(request));
  }
  screen_.wake();
  while (written.wait_for(50ms) != std::future_status::ready) {
    if (quit_) return fail(Errc::kInterrupted, "screenshot: the window is closing");
  }
  return written.get();
}

void ConsoleApp::take_screenshots() {
  std::vector<ScreenshotRequest> requests;
  {
    const std::scoped_lock lock(mutex_);
    requests.swap(screenshots_);
  }
  for (ScreenshotRequest& request : requests) {
    const ConsoleFrame frame = draw_console(transcript_, console_state(), screen_.size());
    request.written.set_value(write_screenshot(frame.image, request.path));
  }
}

void ConsoleApp::refresh_status() {
  const std::string current = state_.current();
  std::string left = current.empty() ? "nothing is mounted" : current;
  if (const auto mount = system_.info(current); !current.empty() && mount && mount->has_model)
    left += fmt::format("  {}/{}", mount->position, mount->context);
  const std::scoped_lock lock(mutex_);
  status_left_ = std::move(left);
}

void ConsoleApp::start(const BootOptions& options) {
  {
    const std::scoped_lock lock(mutex_);
    status_left_ = "starting";
  }
  draw();
  session_.submit_work([options](CommandContext& context) { return boot(context, options); },
                       transcript_.begin_block(),
                       [this](const Result<void>&) {
                         refresh_status();
                         changed();
                       });
}

void ConsoleApp::run(const BootOptions& options) {
  start(options);
  while (step(session_.busy() ? kBusyTick : kIdleTick)) {
  }
}

bool ConsoleApp::step(std::chrono::milliseconds timeout) {
  session_.keep_interrupting();
  if (auto event = screen_.next_event(timeout)) {
    // Everything that has arrived is one frame's worth: a paste is not drawn letter by letter.
    do {
      handle(*event);
    } while (!quit_ && (event = screen_.next_event(0ms)));
  }
  take_screenshots();
  if (dirty_.exchange(false)) draw();
  return !quit_;
}

void ConsoleApp::handle(const Event& event) {
  dirty_ = true;
  switch (event.kind) {
    case Event::Kind::kText:
      scroll_rows_ = 0;
      leaving_ = false;
      editor_.insert(event.text);
      break;
    case Event::Kind::kKey:
      handle_key(event.key);
      break;
    case Event::Kind::kFile:
      submit("mount " + quote_word(event.text));
      break;
    case Event::Kind::kWheel: {
      const std::size_t rows = static_cast<std::size_t>(std::abs(event.amount)) * kWheelRows;
      scroll_rows_ =
          event.amount > 0 ? scroll_rows_ + rows : scroll_rows_ - std::min(scroll_rows_, rows);
      break;
    }
    case Event::Kind::kClose:
      quit_ = true;
      break;
    case Event::Kind::kSize:
    case Event::Kind::kWake:
      break;
  }
}

void ConsoleApp::handle_key(const KeyStroke& stroke) {
  const std::size_t page = view_rows_ > 2 ? view_rows_ - 2 : 1;
  switch (stroke.key) {
    case Key::kPageUp:
      scroll_rows_ += page;
      break;
    case Key::kPageDown:
      scroll_rows_ -= std::min(scroll_rows_, page);
      break;
    case Key::kF1:
      submit("help");
      break;
    case Key::kF8:
      submit("screenshot");
      break;
    case Key::kEscape:
      if (session_.busy()) {
        session_.interrupt();
      } else {
        edit(stroke);
      }
      break;
    default:
      if (stroke.key == Key::kLetter && stroke.ctrl && stroke.letter == 'v') {
        editor_.insert(screen_.clipboard());
      } else {
        edit(stroke);
      }
  }
}

void ConsoleApp::edit(const KeyStroke& stroke) {
  scroll_rows_ = 0;
  const EditAction action = editor_.handle(stroke);
  if (action != EditAction::kInterrupt) leaving_ = false;
  switch (action) {
    case EditAction::kNone:
      break;
    case EditAction::kSubmit:
      submit(editor_.take_line());
      break;
    case EditAction::kInterrupt:
      interrupt_or_quit();
      break;
    case EditAction::kClear:
      transcript_.clear();
      break;
    case EditAction::kEnd:
      if (!session_.busy()) quit_ = true;
      break;
  }
}

void ConsoleApp::interrupt_or_quit() {
  if (session_.busy()) {
    session_.interrupt();
  } else if (!editor_.text().empty()) {
    editor_.take_line();
  } else if (leaving_) {
    quit_ = true;
  } else {
    leaving_ = true;
  }
}

void ConsoleApp::submit(const std::string& line) {
  if (split_verb(line).verb.empty()) return;
  history_.add(line);
  std::shared_ptr<Output> block = transcript_.begin_block();
  block->text("\n", Style::kText);
  block->text(std::string(kPrompt), Style::kAccent);
  block->text(line + "\n", Style::kUser);
  session_.submit(line, std::move(block), [this](const Result<void>&) {
    refresh_status();
    changed();
  });
}

ConsoleState ConsoleApp::console_state() {
  ConsoleState state;
  const std::string search = editor_.search_prompt();
  state.input.prompt = search.empty() ? std::string(kPrompt) : search;
  state.input.text = editor_.text();
  state.input.cursor = editor_.cursor();
  const auto& candidates = editor_.candidates();
  for (std::size_t i = 0; i < candidates.size() && i < kMostCandidates; ++i)
    state.input.hint += "   " + candidates[i];
  if (candidates.size() > kMostCandidates) state.input.hint += "   …";
  if (leaving_) state.input.hint = "Ctrl-C again leaves";
  state.scroll_rows = scroll_rows_;
  state.status.busy = session_.busy();
  state.status.middle = transcript_.activity();
  state.status.right = scroll_rows_ > 0 ? fmt::format("{} rows up", scroll_rows_) : "F1 help";
  const std::scoped_lock lock(mutex_);
  state.status.left = status_left_;
  return state;
}

void ConsoleApp::draw() {
  ConsoleFrame frame = draw_console(transcript_, console_state(), screen_.size());
  if (frame.scroll_rows != scroll_rows_) {  // the status bar tells how far it really went
    scroll_rows_ = frame.scroll_rows;
    frame = draw_console(transcript_, console_state(), screen_.size());
  }
  view_rows_ = frame.view_rows;
  screen_.present(frame.image);
}

}  // namespace pxos::shell
