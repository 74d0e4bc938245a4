#include "shell/command.hpp"
#include "tests/shell/command_fixture.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

TEST_CASE("Names and aliases are unique and every row is complete", "[shell]") {
  std::set<std::string_view> names;
  for (const CommandInfo& command : commands()) {
    CHECK(names.insert(command.name).second);
    CHECK_FALSE(command.help.empty());
    CHECK(command.handler != nullptr);
    CHECK(find_command(command.name) == &command);
  }
  for (const AliasInfo& alias : aliases()) {
    CHECK(names.insert(alias.alias).second);
    CHECK(find_command(alias.alias) == find_command(alias.name));
    CHECK(find_command(alias.alias) != nullptr);
  }
}

TEST_CASE_METHOD(fake::CommandFixture, "A slip of a command is not sent to the model", "[shell]") {
  REQUIRE(run("mount welcome"));
  const auto result = run("mouts");
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kUsage);
  CHECK(result.error().message.find("did you mean 'mounts'") != std::string::npos);
  CHECK(system.questions.empty());
}

TEST_CASE_METHOD(fake::CommandFixture, "Plain text goes to the mounted model", "[shell]") {
  store("small.pxa");
  REQUIRE(run("mount small"));
  REQUIRE(run("What is a pixel; and why?"));
  REQUIRE(system.questions.size() == 1);
  CHECK(system.questions[0].text == "What is a pixel; and why?");
  CHECK(system.questions[0].memory == Memory::kConversation);
  CHECK(out.all == "Hello there.\n");
}

TEST_CASE_METHOD(fake::CommandFixture, "Text without a model says what to do", "[shell]") {
  const auto result = run("Tell me something nice today");
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kUsage);
  CHECK(result.error().message.find("no model is mounted") != std::string::npos);
}

TEST_CASE_METHOD(fake::CommandFixture, "Too many words show the usage, an empty line nothing",
                 "[shell]") {
  const auto result = run("mounts now please");
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kUsage);
  CHECK(run("   "));
  CHECK_FALSE(run("mount \"open"));
}
