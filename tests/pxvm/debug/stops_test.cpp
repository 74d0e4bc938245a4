#include "pxvm/debug/stops.hpp"

#include "debug_guest.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using debug::Halt;
using debug::Stop;
using debug::StopList;
using test::DebugGuest;

Stop place(std::size_t pc, const DebugGuest& guest, const std::string& condition = "") {
  Stop stop{0, Stop::Kind::kPlace, "place", {pc}, std::nullopt, std::nullopt};
  if (!condition.empty()) stop.condition = *debug::parse_condition(condition, guest.program(), {});
  return stop;
}

Stop data(const DebugGuest& guest, const std::string& condition) {
  return {0,
          Stop::Kind::kData,
          condition,
          {},
          *debug::parse_condition(condition, guest.program(), {}),
          std::nullopt};
}

Stop watch(const DebugGuest& guest, const std::string& subject) {
  return {0,  Stop::Kind::kWatch, subject,
          {}, std::nullopt,       *debug::parse_subject(subject, guest.program(), {})};
}

std::vector<std::string> reasons_forward(const DebugGuest& guest, StopList& stops) {
  std::vector<std::string> out;
  while (*guest.timeline->run(stops) == Halt::kStep) out.push_back(stops.hits().front().why);
  return out;
}

TEST_CASE("a place stops every time, with a condition when it holds", "[debug]") {
  const DebugGuest guest;
  StopList stops(guest.program().code.size());
  const int always = stops.add(place(guest.pc_of("matmul"), guest));
  CHECK(reasons_forward(guest, stops).size() == 3);
  REQUIRE(stops.remove(always));
  CHECK_FALSE(stops.remove(always));
  REQUIRE(guest.timeline->seek(0));
  stops.add(place(guest.pc_of("matmul"), guest, "r1 >= 1"));
  CHECK(reasons_forward(guest, stops) == std::vector<std::string>{"r1 is 1", "r1 is 2"});
}

TEST_CASE("the first NaN stops behind the instruction that made it", "[debug]") {
  const DebugGuest guest(1);
  StopList stops(guest.program().code.size());
  stops.add(data(guest, "nan"));
  CHECK(*guest.timeline->run(stops) == Halt::kStep);
  CHECK(guest.timeline->last_pc() == guest.pc_of("matmul"));
  CHECK(guest.machine().scalar(1) == 1);  // in layer 1, whose weight it is
  CHECK(stops.hits().front().why == "x [2, 4]: 2 of 8 elements, the first nan at [0, 1]");
  const std::uint64_t step = guest.timeline->step();
  CHECK(*guest.timeline->run(stops) == Halt::kStep);  // the next one that writes it
  CHECK(guest.timeline->step() > step);
  CHECK(*guest.timeline->run_back(stops) == Halt::kStep);
  CHECK(guest.timeline->step() == step);
}

TEST_CASE("a condition on a tensor stops when it becomes true, not while it is", "[debug]") {
  const DebugGuest guest(1);
  StopList stops(guest.program().code.size());
  stops.add(data(guest, "nan x"));
  CHECK(reasons_forward(guest, stops).size() == 1);
}

TEST_CASE("a watch tells the old and the new value", "[debug]") {
  const DebugGuest guest;
  StopList stops(guest.program().code.size());
  stops.add(watch(guest, "r1"));
  CHECK(reasons_forward(guest, stops) ==
        std::vector<std::string>{"r1: 0 (f32 0) -> 1 (f32 1e-45)",
                                 "r1: 1 (f32 1e-45) -> 2 (f32 3e-45)",
                                 "r1: 2 (f32 3e-45) -> 3 (f32 4e-45)"});
  stops.clear();
  REQUIRE(guest.timeline->seek(0));
  stops.add(watch(guest, "x[0,0]"));
  const auto changes = reasons_forward(guest, stops);
  REQUIRE(changes.size() == 4);
  CHECK(changes[0] == "x[0,0]: 0 -> 1");
  stops.clear();
  REQUIRE(guest.timeline->seek(0));
  stops.add(watch(guest, "cache[1][0..1]"));
  CHECK(reasons_forward(guest, stops).size() == 1);
  CHECK(guest.timeline->at_end());
  CHECK(*guest.timeline->run_back(stops) == Halt::kStep);
  CHECK(guest.timeline->last_pc() == guest.pc_of("kvappend"));
}

TEST_CASE("without stops a run goes to the end", "[debug]") {
  const DebugGuest guest(-1, 3);
  StopList stops(guest.program().code.size());
  CHECK(*guest.timeline->run(stops) == Halt::kEnd);
  CHECK(guest.timeline->call() == 2);
}

}  // namespace
}  // namespace pxos
