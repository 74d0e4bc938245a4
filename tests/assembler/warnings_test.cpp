#include "assembler/warnings.hpp"

#include <set>

#include <catch2/catch.hpp>

using pxos::assembler::all_warnings;
using pxos::assembler::Warning;
using pxos::assembler::WarningInfo;
using pxos::assembler::WarningSet;

TEST_CASE("Every warning is on until it is turned off, one at a time", "[assembler]") {
  for (const WarningInfo& info : all_warnings()) {
    WarningSet set;
    CHECK(set.has(info.warning));
    REQUIRE(set.apply("no-" + std::string(info.name)));
    for (const WarningInfo& other : all_warnings())
      CHECK(set.has(other.warning) == (other.warning != info.warning));
    REQUIRE(set.apply(info.name));
    CHECK(set.has(info.warning));
  }
}

TEST_CASE("Groups turn many warnings at once; the last word counts", "[assembler]") {
  WarningSet set;
  REQUIRE(set.apply("no-unused"));
  CHECK_FALSE(set.has(Warning::kUnusedTemp));
  CHECK_FALSE(set.has(Warning::kUnusedMacro));
  CHECK(set.has(Warning::kDeadStore));
  REQUIRE(set.apply("no-all"));
  CHECK_FALSE(set.has(Warning::kDeadStore));
  REQUIRE(set.apply("unreachable"));
  CHECK(set.has(Warning::kUnreachable));
}

TEST_CASE("A slip in a warning's name is answered with the nearest one", "[assembler]") {
  WarningSet set;
  const auto done = set.apply("no-unused-tmp");
  REQUIRE_FALSE(done);
  CHECK(done.error().message == "there is no warning 'unused-tmp'; did you mean 'unused-temp'?");
  CHECK_FALSE(set.apply(""));
  CHECK_FALSE(set.apply("no-"));
}

TEST_CASE("Warnings have names of their own and a meaning", "[assembler]") {
  std::set<std::string_view> names;
  for (const WarningInfo& info : all_warnings()) {
    CHECK(names.insert(info.name).second);
    CHECK_FALSE(info.meaning.empty());
    CHECK(pxos::assembler::warning_name(info.warning) == info.name);
  }
}
