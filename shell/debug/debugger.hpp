#pragma once
// The debugger's commands over a timeline: one line in, one reply out. A reply is a JSON object, or
// the same as text for a person; both come from one handler, so a script sees what a person sees.
//
// docs/reference/debugger.md lists the commands; `help` prints them. Used by one thread;
// interrupt() from any thread or a signal handler.

#include "pxvm/debug/timeline.hpp"
#include "pxvm/vm/profile.hpp"
#include "shell/debug/debug_source.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace pxos::shell {

struct DebuggerPorts {
  /// Writes a picture as a PNG.
  std::function<Result<void>(const std::filesystem::path&, const isa::RgbImage&)> write_picture;
  /// What the guest wrote to the console since it was last asked.
  std::function<std::string()> take_console;
};

class Debugger {
 public:
  /// Keeps the timeline and the linked program's machine.
  Debugger(debug::Timeline& timeline, std::shared_ptr<const vm::LinkedProgram> program,
           DebugSource source, DebuggerPorts ports);
  ~Debugger();
  Debugger(const Debugger&) = delete;
  Debugger& operator=(const Debugger&) = delete;

  /// The reply as text; ends in a newline unless it is empty. An empty line repeats the last
  /// motion.
  [[nodiscard]] std::string answer_text(std::string_view line);
  /// The reply as one line of JSON, without its end. `line` is a JSON object {"cmd": "step 3",
  /// "id": anything}; the reply has ok, the same id, and error or the command's fields.
  [[nodiscard]] std::string answer_json(std::string_view line);
  /// Where it stands before the first command.
  [[nodiscard]] std::string greeting_text();
  [[nodiscard]] std::string greeting_json();

  /// After `quit`.
  [[nodiscard]] bool finished() const;
  void interrupt();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

struct DebugCommandInfo {
  std::string_view name;
  std::string_view alias;      ///< may be empty
  std::string_view arguments;  ///< for help
  std::string_view help;
};
[[nodiscard]] std::span<const DebugCommandInfo> debug_commands();

}  // namespace pxos::shell
