#pragma once
// Inside of the debugger, shared by its handlers. Not for others.

#include "pxvm/debug/stops.hpp"
#include "shell/debug/debugger.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace pxos::shell {

using Json = nlohmann::ordered_json;

struct Debugger::Impl {
  Impl(debug::Timeline& given, std::shared_ptr<const vm::LinkedProgram> linked, DebugSource text,
       DebuggerPorts given_ports);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] const isa::Program& program() const { return linked->program(); }
  [[nodiscard]] vm::Machine& machine() const { return timeline.machine(); }

  debug::Timeline& timeline;
  std::shared_ptr<const vm::LinkedProgram> linked;
  DebugSource source;
  DebuggerPorts ports;
  debug::StopList stops;
  vm::Profile profile;
  bool profiling = false;
  std::optional<std::ofstream> trace;
  std::string last_motion;
  bool finished = false;
};

/// `rest` is the line behind the command's name, without spaces around it.
using DebugHandler = Result<Json> (*)(Debugger::Impl& debugger, std::string_view rest);

// debugger_motion.cpp
Result<Json> debug_step(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_next(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_finish(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_continue(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_back(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_reverse(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_goto(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_where(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_break(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_watch(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_stops(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_delete(Debugger::Impl& debugger, std::string_view rest);
// debugger_look.cpp
Result<Json> debug_print(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_registers(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_tensors(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_heat(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_list(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_disassemble(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_stack(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_profile(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_trace(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_save(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_load(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_set(Debugger::Impl& debugger, std::string_view rest);

/// Where the timeline stands.
[[nodiscard]] Json place_json(const Debugger::Impl& debugger);
[[nodiscard]] Json instruction_json(const Debugger::Impl& debugger, std::size_t pc);
/// What instruction `pc`, the last one made, wrote into tensors; null for nothing.
[[nodiscard]] Json written_json(const Debugger::Impl& debugger, std::size_t pc);
/// A number as JSON has it, "nan", "inf" or "-inf" for the others.
[[nodiscard]] Json number_json(double value);

/// "a b  c" -> {"a", "b", "c"}.
[[nodiscard]] std::vector<std::string> debug_words(std::string_view text);
/// Errors: kUsage unless empty (`otherwise`) or a whole number from 1 on.
Result<std::uint64_t> debug_count(std::string_view text, std::uint64_t otherwise);

/// The reply of a command as text (debug_render.cpp).
[[nodiscard]] std::string render_reply(const Json& reply);

}  // namespace pxos::shell
