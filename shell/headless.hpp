#pragma once
// The shell without a person: boots, runs the commands of a script in order, writes what they say
// to stdout and, when asked, the console as a window would show it to a PNG.

#include "shell/boot.hpp"
#include "shell/output.hpp"

#include <cstdio>
#include <optional>
#include <string>

namespace pxos::shell {

struct HeadlessOptions {
  BootOptions boot;
  std::string script;  ///< commands separated by ';'
  std::optional<std::filesystem::path> screenshot;
};

/// Gives the exit code of the last command that failed, 0 when none did. SIGINT interrupts the
/// running command and ends the script with 130.
int run_headless(System& system, ShellState& state, const HeadlessOptions& options,
                 std::FILE* standard_output);

}  // namespace pxos::shell
