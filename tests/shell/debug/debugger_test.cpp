#include "shell/debug/debugger.hpp"

#include "debug_session.hpp"

#include <set>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::DebugSession;

TEST_CASE("a request that is none is answered as one", "[shell]") {
  DebugSession session;
  for (const char* bad : {"", "step", "[]", "{}", R"({"cmd": 3})", R"({"cmd": "step")", "null"}) {
    const auto reply = nlohmann::json::parse(session.debugger->answer_json(bad));
    CHECK(reply["ok"] == false);
    CHECK(reply["error"].get<std::string>().find("expected one line") == 0);
  }
  CHECK(session.error("zz") == "no command 'zz': help lists them");
  CHECK(session.error("") == "no command '': help lists them");
}

TEST_CASE("ids come back as they were, console text goes with the motion", "[shell]") {
  DebugSession session;
  session.console = "hello \xff";
  const auto reply =
      nlohmann::json::parse(session.debugger->answer_json(R"({"id": [1, "a"], "cmd": " step "})"));
  CHECK(reply["id"] == nlohmann::json{1, "a"});
  CHECK(reply["console"] == "hello \xef\xbf\xbd");
}

TEST_CASE("commands have one name each, and may be cut short", "[shell]") {
  std::set<std::string_view> names;
  for (const shell::DebugCommandInfo& info : shell::debug_commands()) {
    CHECK(names.insert(info.name).second);
    if (!info.alias.empty()) CHECK(names.insert(info.alias).second);
    CHECK_FALSE(info.help.empty());
  }
  DebugSession session;
  CHECK(session.ok("wher")["at"]["step"] == 0);
  CHECK(session.error("st").find("no command") == 0);  // step, stops, stack, start
  CHECK(session.ok("help")["commands"].size() == shell::debug_commands().size());
}

TEST_CASE("quit ends it", "[shell]") {
  DebugSession session;
  CHECK_FALSE(session.debugger->finished());
  session.ok("q");
  CHECK(session.debugger->finished());
}

}  // namespace
}  // namespace pxos
