#pragma once
// SIGINT as a count that can be asked for, while an object of this class lives. One at a time, made
// and destroyed by the main thread.

#include <csignal>

namespace pxos::shell {

class InterruptSignal {
 public:
  InterruptSignal();
  ~InterruptSignal();
  InterruptSignal(const InterruptSignal&) = delete;
  InterruptSignal& operator=(const InterruptSignal&) = delete;

  /// True once for the signals that came since the last call.
  [[nodiscard]] bool take();

 private:
  struct sigaction before_ {};
};

}  // namespace pxos::shell
