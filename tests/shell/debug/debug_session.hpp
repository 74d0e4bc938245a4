#pragma once
// A debugger over the layered guest of tests/pxvm/debug, as its tests drive it.

#include "shell/debug/debugger.hpp"
#include "tests/pxvm/debug/debug_guest.hpp"

#include <nlohmann/json.hpp>

namespace pxos::test {

struct DebugSession {
  DebugGuest guest;
  std::string console;
  isa::RgbImage picture;
  std::optional<shell::Debugger> debugger;

  explicit DebugSession(int poisoned_layer = -1, std::int64_t calls = 1)
      : guest(poisoned_layer, calls) {
    const auto assembled = assembler::assemble({{"test.pxasm", kDebugText}, {}, true});
    shell::DebuggerPorts ports;
    ports.write_picture = [this](const std::filesystem::path&, const isa::RgbImage& image) {
      picture = image;
      return Result<void>();
    };
    ports.take_console = [this] { return std::exchange(console, ""); };
    debugger.emplace(*guest.timeline, guest.machine().linked_program(), shell::source_of(assembled),
                     std::move(ports));
  }

  /// The reply to a command that must work.
  nlohmann::json ok(const std::string& command) {
    auto reply = nlohmann::json::parse(
        debugger->answer_json(nlohmann::json{{"cmd", command}, {"id", 7}}.dump()));
    PX_ASSERT(reply["id"] == 7 && reply["ok"] == true);
    return reply;
  }
  /// The message of one that must not.
  std::string error(const std::string& command) {
    const auto reply =
        nlohmann::json::parse(debugger->answer_json(nlohmann::json{{"cmd", command}}.dump()));
    PX_ASSERT(reply["ok"] == false);
    return reply["error"];
  }
};

}  // namespace pxos::test
