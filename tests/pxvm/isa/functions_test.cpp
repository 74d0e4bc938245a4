#include "pxvm/isa/functions.hpp"

#include "program_builder.hpp"
#include "pxvm/isa/verify.hpp"

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using test::ProgramBuilder;

/// The findings of a program without tensors, one line each.
std::vector<std::string> findings_of(const Program& program) {
  const auto verified = verify(program);
  std::vector<std::string> out;
  if (verified) return out;
  for (const Finding& finding : verified.error()) out.push_back(finding.message);
  return out;
}

/// An entry that calls a function of `frame` registers, whose body the test adds.
ProgramBuilder caller(std::string_view frame = "2") {
  ProgramBuilder b;
  b.entry("main");
  b.op("call", {"1", "r4"});
  b.op("halt");
  b.op("frame", {frame});
  return b;
}

TEST_CASE("functions: everything reachable has one owner", "[isa]") {
  ProgramBuilder b = caller();
  b.op("i64.addi", {"r1", "r0", "1"});
  b.op("br.z", {"r1", "-2"});
  b.op("ret");
  b.op("halt");  // nobody goes here
  const std::vector<bool> sound(b.program.code.size(), true);
  const Functions functions(b.program, sound);
  CHECK(functions.owner(0) == Functions::kEntry);
  CHECK(functions.owner(1) == Functions::kEntry);
  for (std::size_t pc = 2; pc < 6; ++pc) CHECK(functions.owner(pc) == Functions::owner_of_frame(2));
  CHECK(functions.owner(6) == Functions::kNobody);
  CHECK(findings_of(b.program).empty());
}

TEST_CASE("functions: registers outside of the frame are refused", "[isa]") {
  ProgramBuilder b = caller();
  b.op("i64.add", {"r1", "r0", "r2"});
  b.op("ret");
  CHECK(findings_of(b.program) ==
        std::vector<std::string>{
            "i64.add r1, r0, r2: r2 is outside of the frame, which has 2 registers"});
}

TEST_CASE("functions: a frame has 1 to 256 registers", "[isa]") {
  for (const std::string_view frame : {"0", "257", "-1"}) {
    ProgramBuilder b = caller(frame);
    b.op("ret");
    REQUIRE(findings_of(b.program).size() == 1);
    CHECK(findings_of(b.program)[0].find("expected 1..256") != std::string::npos);
  }
  ProgramBuilder largest = caller("256");
  largest.op("i64.const", {"r255", "1"});
  largest.op("ret");
  CHECK(findings_of(largest.program).empty());
}

TEST_CASE("functions: calls and returns are balanced", "[isa]") {
  struct Case {
    std::string finding;
    void (*make)(ProgramBuilder&);
  };
  const Case cases[] = {
      {"call needs a function",
       [](ProgramBuilder& b) {
         b.op("call", {"0", "r0"});
         b.op("halt");
       }},
      {"ret: this stands outside of a function", [](ProgramBuilder& b) { b.op("ret"); }},
      {"control runs into the function at pc 1 without a call; is a ret or halt missing?",
       [](ProgramBuilder& b) {
         b.op("yield");
         b.op("frame", {"1"});
         b.op("ret");
       }},
      {"control runs into the function at pc 1 without a call; branch behind its frame",
       [](ProgramBuilder& b) {
         b.op("halt");
         b.op("frame", {"1"});
         b.op("br", {"-2"});
       }},
      {"control goes from the function at pc 1 into code of an entry",
       [](ProgramBuilder& b) {
         b.op("halt");
         b.op("frame", {"1"});
         b.op("br", {"-3"});
       }},
      {"control goes from the function at pc 3 into code of the function at pc 1",
       [](ProgramBuilder& b) {
         b.op("halt");
         b.op("frame", {"1"});
         b.op("ret");
         b.op("frame", {"1"});
         b.op("br", {"-3"});
       }},
      {"an entry begins at a function", [](ProgramBuilder& b) {
         b.op("frame", {"1"});
         b.op("ret");
       }}};
  for (const Case& one : cases) {
    ProgramBuilder b;
    b.entry("main");
    one.make(b);
    INFO(one.finding);
    const auto found = findings_of(b.program);
    REQUIRE_FALSE(found.empty());
    CHECK(found[0].find(one.finding) != std::string::npos);
  }
}

TEST_CASE("functions: a tensor register is not kept across a call", "[isa]") {
  ProgramBuilder b;
  b.array(TensorDecl::Kind::kTemp, "many", test::Element::kF32, "2", {"4"});
  b.entry("main");
  b.op("bind", {"t9", "many", "r0"});
  b.op("ld.f32", {"r1", "t9", "r0"});
  b.op("call", {"2", "r4"});
  b.op("ld.f32", {"r1", "t9", "r0"});
  b.op("halt");
  b.op("frame", {"2"});
  b.op("ld.f32", {"r1", "t9", "r0"});  // the callee sees what all its callers set
  b.op("ret");
  const auto found = findings_of(b.program);
  REQUIRE(found.size() == 1);
  CHECK(found[0].find("ld.f32 r1, t9, r0: t9 is used, but nothing has set it") !=
        std::string::npos);
}

}  // namespace
}  // namespace pxos::isa
