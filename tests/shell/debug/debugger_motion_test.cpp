#include "debug_session.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::DebugSession;

TEST_CASE("the first NaN is found, and the instruction that made it", "[shell]") {
  DebugSession session(1);
  CHECK(session.ok("break if nan")["set"]["id"] == 1);
  const auto stopped = session.ok("continue");
  CHECK(stopped["reason"] == "stop");
  CHECK(stopped["hits"][0]["why"] == "x [2, 4]: 2 of 8 elements, the first nan at [0, 1]");
  CHECK(stopped["did"]["text"].get<std::string>().find("matmul") == 0);
  CHECK(stopped["did"]["source"] == "    matmul x, w[r1], y");
  const auto back = session.ok("back");
  CHECK(back["at"]["text"].get<std::string>().find("matmul") == 0);
  CHECK(session.ok("print r1")["values"][0]["i64"] == 1);
  CHECK(session.ok("print x")["values"][0]["summary"]["nan"] == 0);
  CHECK(session.ok("step")["did"]["wrote"][0]["summary"]["nan"] == 2);
}

TEST_CASE("stops are met forwards and backwards", "[shell]") {
  DebugSession session;
  session.ok("break layer if r1 > 0");
  CHECK(session.ok("continue")["hits"][0]["why"] == "r1 is 1");
  CHECK(session.ok("c 1")["hits"][0]["why"] == "r1 is 2");
  CHECK(session.ok("c")["reason"] == "end");
  CHECK(session.ok("reverse")["hits"][0]["why"] == "r1 is 2");
  CHECK(session.ok("rc")["hits"][0]["why"] == "r1 is 1");
  CHECK(session.ok("rc")["reason"] == "start");
  CHECK(session.ok("watch r1")["set"]["id"] == 2);
  CHECK(session.ok("delete 1")["stops"].size() == 1);
  CHECK(session.ok("c 2")["hits"][0]["why"] == "r1: 1 (f32 1e-45) -> 2 (f32 3e-45)");
  CHECK(session.ok("stops")["stops"].size() == 1);
  CHECK(session.ok("delete all")["stops"].empty());
  CHECK(session.error("reverse").find("nothing to go back to") == 0);
}

TEST_CASE("steps, lines and the end of a call", "[shell]") {
  DebugSession session(-1, 2);
  CHECK(session.ok("step 3")["at"]["step"] == 3);
  CHECK(session.ok("next")["at"]["source"] == "    rmsnorm y, x, norm[r1], eps");
  CHECK(session.ok("next")["at"]["source"] == "    kvappend cache[r1], y, r0");  // bind and rmsnorm
  const auto end = session.ok("finish");
  CHECK(end["at"]["text"] == "halt");
  CHECK(end["at"]["call"] == 0);
  CHECK(session.ok("step")["at"]["call"] == 1);
  CHECK(session.ok("back 2")["at"]["call"] == 0);
  CHECK(session.ok("goto 1")["at"]["step"] == 1);
  CHECK(session.ok("back 5")["reason"] == "start");
  CHECK(session.ok("goto 99999")["reason"] == "end");
  CHECK(session.ok("start")["at"]["step"] == 0);
  CHECK(session.ok("where")["arguments"]["dims"]["T"] == 2);
}

TEST_CASE("what cannot be is answered with what can", "[shell]") {
  DebugSession session;
  CHECK(session.error("step 0").find("no count") != std::string::npos);
  CHECK(session.error("goto x").find("goto STEP") == 0);
  CHECK(session.error("break").find("break WHERE") == 0);
  CHECK(session.error("break nowhere").find("no place") != std::string::npos);
  CHECK(session.error("break layer if zz").find("not a condition") != std::string::npos);
  CHECK(session.error("watch zz").find("no register or tensor") == 0);
  CHECK(session.error("delete 4").find("no stop '4'") != std::string::npos);
}

}  // namespace
}  // namespace pxos
