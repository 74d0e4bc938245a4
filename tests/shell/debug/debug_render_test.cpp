#include "debug_session.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::DebugSession;

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("replies read as text", "[shell]") {
  DebugSession session(1);
  shell::Debugger& debugger = *session.debugger;
  CHECK(has(debugger.greeting_text(), "step 0, call 0 of forward"));
  CHECK(has(debugger.answer_text("break if nan"), "1  break if nan"));
  const std::string stopped = debugger.answer_text("c");
  CHECK(has(stopped, "stop 1: break if nan: x [2, 4]: 2 of 8 elements, the first nan at [0, 1]"));
  CHECK(has(stopped, "|     matmul x, w[r1], y"));
  CHECK(has(stopped, "2 NaN, 0 infinite, the first at [0, 1]"));
  CHECK(has(debugger.answer_text("p x"), "x f32[2, 4]: 8 elements, min"));
  CHECK(has(debugger.answer_text("p x[0,1]"), "x[0,1] = nan"));
  CHECK(has(debugger.answer_text("regs"), "r1"));
  CHECK(has(debugger.answer_text("stops"), "break if nan"));
  CHECK(has(debugger.answer_text("list"), ">    2"));
  CHECK(has(debugger.answer_text("dis"), "> @"));
  CHECK(has(debugger.answer_text("bt"), "test.pxasm:"));
  CHECK(has(debugger.answer_text("tensors"), "f32[2, 4]"));
  CHECK(has(debugger.answer_text("heat x a.png"), "a.png: 64 x 32 pixels"));
  CHECK(has(debugger.answer_text("help"), "reverse, rc"));
  CHECK(has(debugger.answer_text("zz"), "no command 'zz'"));
  CHECK(has(debugger.answer_text("profile on"), "profile on"));
  CHECK(has(debugger.answer_text("delete all"), "there are no stops"));
  CHECK(has(debugger.answer_text("c"), "the last call is over"));
  CHECK(has(debugger.answer_text("profile"), "matmul w"));
  CHECK(has(debugger.answer_text("back 9999"), "nothing is before this"));
}

TEST_CASE("an empty line makes the last motion again", "[shell]") {
  DebugSession session;
  CHECK(session.debugger->answer_text("").empty());
  CHECK(has(session.debugger->answer_text("step 2"), "step 2,"));
  CHECK(has(session.debugger->answer_text("where"), "step 2,"));
  CHECK(has(session.debugger->answer_text("\n"), "step 4,"));
}

TEST_CASE("nothing a guest writes acts on the terminal", "[shell]") {
  DebugSession session;
  session.console = "\x1b[2J\xff";
  CHECK_FALSE(has(session.debugger->answer_text("s"), "\x1b"));
}

}  // namespace
}  // namespace pxos
