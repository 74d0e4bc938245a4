#include "shell/interrupt_signal.hpp"

#include <atomic>

namespace pxos::shell {
namespace {

// A signal handler can only reach static storage; lock-free, so it may be written there.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int) {
  interrupted.store(true);
}

}  // namespace

InterruptSignal::InterruptSignal() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // no SA_RESTART: a blocking read returns
  sigemptyset(&action.sa_mask);
  interrupted.store(false);
  sigaction(SIGINT, &action, &before_);
}

InterruptSignal::~InterruptSignal() {
  sigaction(SIGINT, &before_, nullptr);
}

bool InterruptSignal::take() {
  return interrupted.exchange(false);
}

}  // namespace pxos::shell
