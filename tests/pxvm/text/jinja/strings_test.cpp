#include "pxvm/text/jinja/strings.hpp"

#include <catch2/catch.hpp>

using namespace pxos::text::jinja;

using Parts = std::vector<std::string>;

TEST_CASE("strip takes Unicode white space or the given characters", "[text]") {
  CHECK(strip(" \n\xC2\xA0"
              "a b\xE3\x80\x80",
              "", Sides::kBoth) == "a b");
  CHECK(strip("xyaxy", "yx", Sides::kLeft) == "axy");
  CHECK(strip("xyaxy", "yx", Sides::kRight) == "xya");
  CHECK(strip("\xC3\xA9"
              "a\xC3\xA9",
              "\xC3\xA9", Sides::kBoth) == "a");
  CHECK(strip("   ", "", Sides::kBoth).empty());
}

TEST_CASE("split cuts like Python", "[text]") {
  CHECK(split("a,b,,c", ",", 99) == Parts{"a", "b", "", "c"});
  CHECK(split("a,b,c", ",", 1) == Parts{"a", "b,c"});
  CHECK(split("", ",", 99) == Parts{""});
  CHECK(split("  a  b c ", "", 99) == Parts{"a", "b", "c"});
  CHECK(split(" a b c ", "", 1) == Parts{"a", "b c "});
  CHECK(split("", "", 99).empty());
}

TEST_CASE("replace and letter case", "[text]") {
  CHECK(replace("aaa", "a", "bb", 2) == "bbbba");
  CHECK(replace("abc", "", "x", 9) == "abc");
  CHECK(upper("aZ\xC3\xA9") == "AZ\xC3\xA9");
  CHECK(lower("aZ") == "az");
  CHECK(capitalize("hELLO wORLD") == "Hello world");
  CHECK(title("hELLO wORLD") == "Hello World");
}

TEST_CASE("characters gives whole characters", "[text]") {
  const auto all = characters("a\xC3\xA9\xF0\x9F\xA6\x99");
  REQUIRE(all.size() == 3);
  CHECK(all[1] == "\xC3\xA9");
}
