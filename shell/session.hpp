#pragma once
// Runs command lines on worker threads: one for what a model does, one for what must not wait for
// it. A face of the shell (window, terminal, headless) submits lines and shows what comes out.
//
// Threads: all members belong to the face's thread. Outputs and `done` are used on the workers.

#include "shell/command.hpp"
#include "shell/line_editor.hpp"
#include "shell/worker.hpp"

#include <functional>
#include <memory>
#include <string>

namespace pxos::shell {

class Session {
 public:
  using Done = std::function<void(const Result<void>&)>;

  /// Keeps all three; they outlive it.
  Session(System& system, ShellState& state, Front& front);
  /// Interrupts what runs and joins.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Queues a line on the lane of its command. An error is written to `out` before `done` is called
  /// with it.
  void submit(std::string line, std::shared_ptr<Output> out, Done done = {});
  /// Queues work that is no command line (boot) on the model's lane.
  void submit_work(std::function<Result<void>(CommandContext&)> work, std::shared_ptr<Output> out,
                   Done done = {});

  /// The model's lane has something to do.
  [[nodiscard]] bool busy() const { return model_.busy(); }
  /// Neither lane has.
  [[nodiscard]] bool idle() const { return !model_.busy() && !quick_.busy(); }
  /// Stops what runs, drops what waits. Call keep_interrupting() until busy() is false.
  void interrupt();
  /// An interrupt that came before the guest had begun is lost to it: repeats one that is pending.
  void keep_interrupting();
  /// Waits until both lanes are idle, at most so long.
  bool wait_idle(std::chrono::milliseconds at_most);

  /// What Tab offers for a line: verbs first, then what the verb takes.
  [[nodiscard]] Completion complete(std::string_view text, std::size_t cursor) const;

 private:
  void run(Worker& worker, std::function<Result<void>(CommandContext&)> work,
           std::shared_ptr<Output> out, Done done);

  System& system_;
  ShellState& state_;
  Front& front_;
  Worker model_;
  Worker quick_;
};

}  // namespace pxos::shell
