#include "pxvm/debug/condition.hpp"

#include "debug_guest.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

const debug::Names kNames{{}, {{"l", std::uint8_t{1}}}};

std::string outcome(const test::DebugGuest& guest, const std::string& text) {
  const auto condition = debug::parse_condition(text, guest.program(), kNames);
  if (!condition) return "error: " + condition.error().message;
  return debug::holds(*condition, guest.machine(), guest.timeline->last_pc()).value_or("false");
}

TEST_CASE("conditions look at registers, elements and whole tensors", "[debug]") {
  const test::DebugGuest guest;
  REQUIRE(guest.timeline->seek(1));  // x = input
  CHECK(outcome(guest, "x[0,1] == -2") == "x[0,1] is -2");
  CHECK(outcome(guest, "x[0,1] > -2") == "false");
  CHECK(outcome(guest, "abs > 3.5") == "x [2, 4]: 4 of 8 elements, the first 4 at [1, 0]");
  CHECK(outcome(guest, "abs x[0..0] > 2.5") ==
        "x[0..0] [2, 4]: 1 of 4 elements, the first 3 at [0, 2]");
  CHECK(outcome(guest, "nan x") == "false");
  CHECK(outcome(guest, "r0 == 0") == "r0 is 0");
  REQUIRE(guest.timeline->seek(4));
  CHECK(outcome(guest, "l < 1") == "l is 0");
  CHECK(outcome(guest, "r2 != 3") == "false");
  CHECK(outcome(guest, "r2 >= 4") == "false");
  CHECK(outcome(guest, "r2 <= 3") == "r2 is 3");
  CHECK(outcome(guest, "r2 > 0.5") == "false");  // 3 as f32 bits is tiny
  CHECK(outcome(guest, "nan t99") == "false");   // holds nothing
}

TEST_CASE("a NaN is found in what was written, and nowhere else", "[debug]") {
  const test::DebugGuest guest(0);
  REQUIRE(guest.timeline->seek(8));
  CHECK(outcome(guest, "nan") == "false");
  CHECK(outcome(guest, "nan w[0]") == "w[0] [4, 4]: 1 of 16 elements, the first nan at [1, 2]");
  REQUIRE(guest.timeline->seek(10));  // the matmul
  REQUIRE(guest.timeline->last_pc() == guest.pc_of("matmul"));
  CHECK(outcome(guest, "nan") == "x [2, 4]: 2 of 8 elements, the first nan at [0, 1]");
  CHECK(outcome(guest, "bad x") == outcome(guest, "nan").replace(0, 1, "x"));
  CHECK(outcome(guest, "inf") == "false");
}

TEST_CASE("what is no condition is refused with the forms", "[debug]") {
  const test::DebugGuest guest;
  for (const char* bad : {"", "x", "nan x y", "abs", "abs x", "abs x > y", "abs > ", "r1 = 3",
                          "r1 == ", "r1 == x", "x == 3", "nan r3", "nan zz", "3 == r1"})
    CHECK(outcome(guest, bad).find("error: ") == 0);
  CHECK(outcome(guest, "x").find("nan [TENSOR]") != std::string::npos);
  CHECK(outcome(guest, "x == 3") ==
        "error: 'x' is a whole tensor: compare an element of it, or use abs");
}

}  // namespace
}  // namespace pxos
