#include "shell/format.hpp"

#include <catch2/catch.hpp>

using namespace pxos::shell;

TEST_CASE("Sizes and counts have three digits and the right unit at the edges", "[shell]") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(999) == "999 B");
  CHECK(format_bytes(1000) == "1.0 kB");
  CHECK(format_bytes(98'362'432) == "98.4 MB");
  CHECK(format_bytes(999'960'000) == "1.0 GB");
  CHECK(format_count(134'515'008) == "135 M");
  CHECK(format_count(12) == "12");
}

TEST_CASE("Times and rates say nothing they do not know", "[shell]") {
  CHECK(format_seconds(0.0012) == "1.2 ms");
  CHECK(format_seconds(0.0412) == "41 ms");
  CHECK(format_seconds(1.25) == "1.2 s");
  CHECK(format_seconds(125) == "125 s");
  CHECK(format_rate(10, 0) == "-");
  CHECK(format_rate(0, 1) == "-");
  CHECK(format_rate(77, 2) == "38.5");
  CHECK(format_rate(3000, 2) == "1500");
}

TEST_CASE("Columns count characters, not bytes", "[shell]") {
  CHECK(columns("añb") == 3);
  CHECK(padded("añ", 4) == "añ  ");
  CHECK(padded("long", 2) == "long");
  CHECK(shortened("añbc", 4) == "añbc");
  CHECK(shortened("añbc", 3) == "añ…");
  CHECK(shortened("abc", 0).empty());
}
