#include "shell/session.hpp"

#include "shell/completion.hpp"
#include "shell/exit_code.hpp"

namespace pxos::shell {

using namespace std::chrono_literals;

Session::Session(System& system, ShellState& state, Front& front)
    : system_(system), state_(state), front_(front) {}

Session::~Session() {
  interrupt();
  while (!model_.wait_idle(20ms)) keep_interrupting();
}

void Session::submit(std::string line, std::shared_ptr<Output> out, Done done) {
  const CommandInfo* command = command_of(line);
  const bool quick = command != nullptr && command->lane == Lane::kQuick;
  run(
      quick ? quick_ : model_,
      [line = std::move(line)](CommandContext& context) { return run_line(context, line); },
      std::move(out), std::move(done));
}

void Session::submit_work(std::function<Result<void>(CommandContext&)> work,
                          std::shared_ptr<Output> out, Done done) {
  run(model_, std::move(work), std::move(out), std::move(done));
}

void Session::run(Worker& worker, std::function<Result<void>(CommandContext&)> work,
                  std::shared_ptr<Output> out, Done done) {
  worker.submit([this, work = std::move(work), out = std::move(out),
                 done = std::move(done)](const std::atomic<bool>& cancelled) {
    CommandContext context{system_, state_, front_, *out, cancelled};
    const Result<void> result = work(context);
    if (!result) {
      out->activity("");
      if (result.error().code == Errc::kInterrupted) {
        out->note(one_line(result.error()));  // asked for: no failure to point at
      } else {
        out->text(one_line(result.error()) + "\n", Style::kError);
      }
    }
    if (done) done(result);
  });
}

void Session::interrupt() {
  model_.cancel();
  system_.interrupt();
}

void Session::keep_interrupting() {
  if (model_.cancelling()) system_.interrupt();
}

bool Session::wait_idle(std::chrono::milliseconds at_most) {
  return model_.wait_idle(at_most) && quick_.wait_idle(at_most);
}

Completion Session::complete(std::string_view text, std::size_t cursor) const {
  return complete_line(state_, text, cursor);
}

}  // namespace pxos::shell
