#include "debug_session.hpp"
#include "tests/support/temp_folder.hpp"

#include <fstream>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::DebugSession;

TEST_CASE("registers, elements and tensors are printed as numbers", "[shell]") {
  DebugSession session(0);
  session.ok("step");
  const auto x = session.ok("print x")["values"][0];
  CHECK(x["shape"] == nlohmann::json{2, 4});
  CHECK(x["type"] == "f32");
  CHECK(x["summary"]["max"] == 4);
  CHECK(x["values"][0] == nlohmann::json{1, -2, 3, 0.5});
  CHECK(session.ok("p x[0,2] r0")["values"][0]["value"] == 3);
  CHECK(session.ok("p w[0][1,2]")["values"][0]["value"] == "nan");
  CHECK(session.ok("tensors")["tensors"].size() >= 4);
  session.ok("step 2");
  CHECK(session.ok("step")["at"]["step"] == 4);
  CHECK(session.ok("registers")["registers"].back()["i64"] == 3);  // r2; r1 is 0 and has no name
  CHECK(session.error("print").find("print WHAT") == 0);
}

TEST_CASE("a tensor is drawn", "[shell]") {
  DebugSession session;
  session.ok("step");
  const auto reply = session.ok("heat x x.png");
  CHECK(reply["width"] == session.picture.width);
  CHECK(session.picture.rgb.size() ==
        std::size_t{session.picture.width} * session.picture.height * 3);
  CHECK(session.error("heat r1 x.png").find("one number") != std::string::npos);
  CHECK(session.error("heat x").find("heat TENSOR") == 0);
}

TEST_CASE("source, instructions and the stack are shown around the present", "[shell]") {
  DebugSession session;
  const auto list = session.ok("list");
  CHECK(list["lines"].size() == 13);
  CHECK(list["lines"][6]["here"] == true);
  CHECK(session.ok("list layer")["lines"][6]["text"] == "    rmsnorm y, x, norm[r1], eps");
  CHECK(session.ok("dis")["instructions"][0]["here"] == true);
  CHECK(session.ok("stack")["frames"].size() == 1);
}

TEST_CASE("a change is seen by what comes after, a state comes back whole", "[shell]") {
  const test::TempFolder folder;
  const std::string file = (folder / "s.bin").string();
  DebugSession session;
  session.ok("break op matmul");
  session.ok("continue");
  const auto before = session.ok("print y")["values"][0];
  CHECK(session.ok("save " + file)["bytes"].get<std::size_t>() > 1000);
  CHECK(session.ok("set y[1,1] = -7.5")["values"][0]["value"] == -7.5);
  session.ok("set r2 = 2");
  session.ok("continue");
  CHECK(session.ok("continue")["reason"] == "end");  // two layers, not three
  CHECK(session.error("set r2 = 3").find("the last call is over") == 0);
  session.ok("goto 3");
  session.ok("load " + file);
  CHECK(session.ok("print y")["values"][0] == before);
  session.ok("continue 2");
  CHECK(session.ok("continue")["reason"] == "end");
  session.ok("goto 3");
  CHECK(session.error("load " + (folder / "none").string()).find("none") != std::string::npos);
  CHECK(session.error("set x = 3").find("more than one element") != std::string::npos);
  CHECK(session.error("set input[0,0] = 3").find("read-only") != std::string::npos);
  CHECK(session.error("set ids[0] = 0.5").find("no whole number") != std::string::npos);
  CHECK(session.error("set r1 3").find("set REGISTER") == 0);
}

TEST_CASE("every instruction that runs is traced and measured", "[shell]") {
  const test::TempFolder folder;
  const std::string file = (folder / "t.txt").string();
  DebugSession session;
  CHECK(session.error("profile").find("nothing is measured") == 0);
  session.ok("profile on");
  session.ok("trace " + file);
  session.ok("continue");
  session.ok("trace off");
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  CHECK(lines.size() == session.guest.timeline->step());
  CHECK(lines[0].find("0\t@0\ttest.pxasm:13\tcopy x, input\tx [2, 4] min -2") == 0);
  std::size_t matmuls = 0;
  const auto opcodes = session.ok("profile")["opcodes"];
  for (const auto& row : opcodes) {
    if (row["opcode"] == "matmul") matmuls = row["calls"];
  }
  CHECK(matmuls == 3);
  CHECK(session.error("trace").find("trace FILE") == 0);
}

}  // namespace
}  // namespace pxos
