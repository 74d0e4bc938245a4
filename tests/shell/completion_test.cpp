#include "shell/completion.hpp"

#include "shell/command.hpp"
#include "tests/shell/command_fixture.hpp"

#include <catch2/catch.hpp>

using namespace pxos::shell;
using Words = std::vector<std::string>;

TEST_CASE_METHOD(fake::CommandFixture, "The first word completes to commands", "[shell]") {
  const Completion found = complete_line(state, "mo", 2);
  CHECK(found.begin == 0);
  CHECK(found.candidates == Words{"mount", "mounts"});
  CHECK(complete_line(state, "zz", 2).candidates.empty());
  CHECK(complete_line(state, "", 0).candidates.empty());
}

TEST_CASE_METHOD(fake::CommandFixture, "Arguments complete to what the command takes", "[shell]") {
  state.set_mounted({"tiny", "small"});
  CHECK(complete_line(state, "unmount t", 9).candidates == Words{"tiny"});
  CHECK(complete_line(state, "use s", 5).candidates == Words{"small"});
  CHECK(complete_line(state, "help scr", 8).candidates == Words{"screenshot"});
  CHECK(complete_line(state, "ask wh", 6).candidates.empty());
}

TEST_CASE_METHOD(fake::CommandFixture, "mount completes stored cartridges, and files by path",
                 "[shell]") {
  store("smollm2.pxa");
  store("notes.txt");
  CHECK(complete_line(state, "mount smol", 10).candidates == Words{"smollm2"});
  const std::string typed = "mount " + state.paths().cartridges().string() + "/s";
  const Completion found = complete_line(state, typed, typed.size());
  REQUIRE(found.candidates.size() == 1);
  CHECK(found.candidates[0].ends_with("/smollm2.pxa"));
  CHECK(found.begin == 6);
}

TEST_CASE_METHOD(fake::CommandFixture, "Completion looks at the word before the cursor only",
                 "[shell]") {
  const Completion found = complete_line(state, "mo and more", 2);
  CHECK(found.candidates == Words{"mount", "mounts"});
  CHECK(complete_line(state, "x", 100).begin == 0);
}
