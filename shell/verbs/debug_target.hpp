#pragma once
// What `pxos debug` debugs: a program that needs no weights, or the model of a cartridge with a
// prompt. Opens it, makes its calls, and hands a timeline over it to a session.

#include "shell/debug/debugger.hpp"
#include "shell/verbs/exec_host.hpp"
#include "shell/verbs/support.hpp"

#include <functional>

namespace pxos::shell {

struct DebugArguments {
  MountArguments mount;  ///< cartridge: what to debug, of any kind
  std::string program;   ///< run a cartridge's weights under this program instead; empty = its own
  std::string entry = "main";
  std::string prompt;
  std::string tokens;  ///< ids "1,2,3"; instead of a prompt
  std::string screenshot;
  ExecHostOptions host;  ///< of a program
  std::int64_t new_tokens = 1;
  bool json = false;
};

/// Runs `session` while the target is open. Errors: those of opening, linking and mounting.
Result<int> with_debugger(const DebugArguments& arguments,
                          const std::function<Result<int>(Debugger&)>& session);

}  // namespace pxos::shell
