#include "cartridges/entry_name.hpp"

#include <string>

#include <catch2/catch.hpp>

using pxos::cartridges::check_entry_name;

TEST_CASE("Plain relative names are accepted", "[entry_name]") {
  for (const char* name : {"a", "a.b", "q8_0.0.pxi", "dir/sub/file-1.txt", "..a", "a..", ".hidden"})
    CHECK(check_entry_name(name).has_value());
}

TEST_CASE("Names that leave the folder or confuse a terminal are refused", "[entry_name]") {
  for (const char* name :
       {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\\b", "C:a", "a b",
        "a\nb", "\x1b[31m", "\xC3\xA9", "manifest.json", "label.png"})
    CHECK_FALSE(check_entry_name(name).has_value());
  CHECK_FALSE(check_entry_name(std::string(256, 'a')).has_value());
  CHECK(check_entry_name(std::string(255, 'a')).has_value());
}

TEST_CASE("A refused name is shown without its control characters", "[entry_name]") {
  const auto refused = check_entry_name("a\x1b[2J");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find('\x1b') == std::string::npos);
}
