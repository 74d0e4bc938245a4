#pragma once
// The shell in a window: key strokes into the line editor, lines into the session, the console onto
// the screen. The screen's thread runs it and never waits for a model. With a HeadlessScreen it is
// the same program without a window.

#include "shell/boot.hpp"
#include "shell/console_view.hpp"
#include "shell/history.hpp"
#include "shell/line_editor.hpp"
#include "shell/screen.hpp"
#include "shell/session.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <string>
#include <vector>

namespace pxos::shell {

class ConsoleApp final : public Front {
 public:
  /// Keeps all four; they outlive it.
  ConsoleApp(Screen& screen, System& system, ShellState& state, History& history);
  ~ConsoleApp() override;

  /// Shows the first frame, then boots on the worker.
  void start(const BootOptions& options);
  /// Handles one event or the time-out, then draws when something changed. False: the user left.
  bool step(std::chrono::milliseconds timeout);
  /// start(), then steps until the user leaves.
  void run(const BootOptions& options);

  // Front; from worker threads.
  void clear() override;
  Result<void> screenshot(const std::filesystem::path& path) override;
  void quit() override;

  [[nodiscard]] const Transcript& transcript() const { return transcript_; }
  [[nodiscard]] const LineEditor& editor() const { return editor_; }
  /// Nothing that was submitted runs or waits.
  [[nodiscard]] bool idle() const { return session_.idle(); }

 private:
  void changed();
  void handle(const Event& event);
  void handle_key(const KeyStroke& stroke);
  void edit(const KeyStroke& stroke);
  void submit(const std::string& line);
  void interrupt_or_quit();
  void draw();
  void take_screenshots();
  void refresh_status();
  [[nodiscard]] ConsoleState console_state();

  /// A worker waits for `written`; the screen's thread draws and writes.
  struct ScreenshotRequest {
    std::filesystem::path path;
    std::promise<Result<void>> written;
  };

  Screen& screen_;
  System& system_;
  ShellState& state_;
  History& history_;
  Transcript transcript_;
  std::atomic<bool> dirty_{true};
  std::atomic<bool> quit_{false};
  std::mutex mutex_;         ///< guards the two below, which workers write
  std::string status_left_;  ///< who is talked to
  std::vector<ScreenshotRequest> screenshots_;
  std::size_t scroll_rows_ = 0;
  std::size_t view_rows_ = 1;
  bool leaving_ = false;  ///< Ctrl-C was pressed once on an empty line
  LineEditor editor_;
  Session session_;  ///< last: its workers end before what they use
};

}  // namespace pxos::shell
