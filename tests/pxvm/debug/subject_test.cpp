#include "pxvm/debug/subject.hpp"

#include "debug_guest.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using debug::parse_subject;
using debug::Subject;

const debug::Names kNames{{{"layer", 4}}, {{"l", std::uint8_t{1}}}};

std::string look_error(const test::DebugGuest& guest, const std::string& text) {
  const auto subject = parse_subject(text, guest.program(), kNames);
  if (!subject) return subject.error().message;
  const auto looked = debug::look_at(*subject, guest.machine());
  return looked ? "" : looked.error().message;
}

TEST_CASE("registers are named by number or as in the source", "[debug]") {
  const test::DebugGuest guest;
  for (const auto& [text, reg] : std::map<std::string, int>{{"r7", 7}, {"l", 1}, {"r255", 255}}) {
    const auto subject = parse_subject(text, guest.program(), kNames);
    REQUIRE(subject);
    CHECK(subject->kind == Subject::Kind::kScalar);
    CHECK(subject->reg == reg);
  }
  CHECK(look_error(guest, "r256").find("no register or tensor 'r256'") == 0);
  CHECK(look_error(guest, "r1[2]") == "'r1[2]': a scalar register has no elements");
  CHECK(look_error(guest, "zz").find("input") != std::string::npos);  // says what there is
}

TEST_CASE("tensors are named whole, by element and by rows", "[debug]") {
  const test::DebugGuest guest;
  REQUIRE(guest.timeline->seek(8));
  const auto look = [&](const std::string& text) {
    const auto subject = parse_subject(text, guest.program(), kNames);
    INFO((subject ? "" : subject.error().message));
    REQUIRE(subject);
    auto looked = debug::look_at(*subject, guest.machine());
    INFO((looked ? "" : looked.error().message));
    REQUIRE(looked);
    return *looked;
  };
  CHECK(look("x").rows.count == 2);
  CHECK(look("x[1,3]").element == std::pair<std::int64_t, std::int64_t>{1, 3});
  CHECK(look("x[1..1]").rows.first == 1);
  CHECK(look("w[2]").view.packed != nullptr);
  CHECK(look("w[2][0, 3]").element->second == 3);
  CHECK(look("cache[1]").rows.count == 8);
  CHECK(look("ids[1]").element == std::pair<std::int64_t, std::int64_t>{0, 1});
}

TEST_CASE("what is not there is said with what is", "[debug]") {
  const test::DebugGuest guest;
  CHECK(look_error(guest, "w") == "'w' is an array: w[INDEX]");
  CHECK(look_error(guest, "w[3]").find("has 3 elements, index 3") != std::string::npos);
  CHECK(look_error(guest, "x[0,4]") == "x[0,4] is outside [2, 4]");
  CHECK(look_error(guest, "x[1]") == "x[1]: 1 indices for [2, 4]");
  CHECK(look_error(guest, "x[1..5]") == "x[1..5]: rows 1 to 5 of 2");
  CHECK(look_error(guest, "x[0][0]") == "'x[0][0]': 'x' is no array");
  for (const char* bad : {"", "[", "x]", "x[1", "x[]", "x[-1,0]", "x[3..1]", "x[a,b]", "w[1][2][3]",
                          "x[99999999999999999999,0]", "x[0..99999999999999999999]", "x[,]"})
    CHECK(look_error(guest, bad) != "");
  CHECK(look_error(guest, "t200") == "t200 holds nothing yet");
}

}  // namespace
}  // namespace pxos
