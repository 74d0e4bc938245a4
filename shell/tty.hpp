#pragma once
// The shell in a terminal: libedit reads lines (history, Emacs keys, Tab), answers stream to
// stdout, Ctrl-C interrupts them.

#include "shell/boot.hpp"

namespace pxos::shell {

/// Boots and reads lines until `exit`, end of input, or Ctrl-C twice on an empty line. Without a
/// terminal on stdin it reads plain lines. Gives the exit code of the last command.
int run_tty(System& system, ShellState& state, const BootOptions& options);

}  // namespace pxos::shell
