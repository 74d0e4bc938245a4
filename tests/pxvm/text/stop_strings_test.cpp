#include "pxvm/text/stop_strings.hpp"

#include <catch2/catch.hpp>

using pxos::text::StopStrings;

TEST_CASE("a stop string ends the text across the borders of pieces", "[text]") {
  std::string streamed;
  StopStrings out({"END", "\n\nUser:"}, [&](std::string_view text) { streamed += text; });
  CHECK_FALSE(out.add("abc E"));
  CHECK(streamed == "abc ");
  CHECK_FALSE(out.add("N"));
  CHECK_FALSE(out.add("X \n"));
  CHECK(streamed == "abc ENX ");
  CHECK_FALSE(out.add("\nUse"));
  CHECK(out.add("r: hi END"));
  CHECK(streamed == "abc ENX ");
  CHECK(out.take() == "abc ENX ");
}

TEST_CASE("what was held back comes at the end, and the first stop counts", "[text]") {
  StopStrings held({"stop"}, {});
  CHECK_FALSE(held.add("a sto"));
  held.flush();
  CHECK(held.take() == "a sto");
  StopStrings first({"zz", "a"}, {});
  CHECK(first.add("xyazz"));
  CHECK(first.take() == "xy");
  StopStrings none({""}, {});
  CHECK_FALSE(none.add("x"));
}
