#include "shell/command.hpp"
#include "tests/shell/command_fixture.hpp"

#include <thread>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

TEST_CASE_METHOD(fake::CommandFixture, "ask is one question, chat is the conversation", "[shell]") {
  store("small.pxa");
  REQUIRE(run("mount small"));
  REQUIRE(run("ask \"What is this?\""));
  REQUIRE(run("chat and that?"));
  REQUIRE(system.questions.size() == 2);
  CHECK(system.questions[0].text == "What is this?");
  CHECK(system.questions[0].memory == Memory::kFresh);
  CHECK(system.questions[1].text == "and that?");
  CHECK(system.questions[1].memory == Memory::kConversation);
  REQUIRE(out.notes.size() == 2);
  CHECK(out.notes[0].find("3 tokens, 4.0 tok/s") != std::string::npos);
}

TEST_CASE_METHOD(fake::CommandFixture, "The space a model begins with is not shown", "[shell]") {
  store("small.pxa");
  REQUIRE(run("mount small"));
  system.answer = {" ", "\n", " Paris", " is it"};
  REQUIRE(run("ask where?"));
  CHECK(out.all == "Paris is it\n");
}

TEST_CASE_METHOD(fake::CommandFixture, "Asking needs a text and a model", "[shell]") {
  CHECK(run("ask hi").error().code == Errc::kNotFound);
  REQUIRE(run("mount welcome"));
  CHECK(run("ask hi").error().code == Errc::kUnsupported);
  CHECK(run("ask").error().code == Errc::kUsage);
  CHECK(run("new"));
}

TEST_CASE_METHOD(fake::CommandFixture, "An interrupt that came too early is repeated", "[shell]") {
  store("small.pxa");
  REQUIRE(run("mount small"));
  system.endless = true;
  cancelled = true;  // before the model began: the system forgets it
  const auto result = run("ask forever");
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kInterrupted);
  CHECK(system.interrupts > 0);
}

TEST_CASE_METHOD(fake::CommandFixture, "reload gives the model another program", "[shell]") {
  CHECK(run("reload a.pxasm").error().code == Errc::kNotFound);
  store("small.pxa");
  REQUIRE(run("mount small"));
  REQUIRE(run("reload a.pxasm"));
  REQUIRE(run("reload b.pxasm replay"));
  CHECK(system.reloads == std::vector<std::string>{"small a.pxasm", "small b.pxasm replay"});
  CHECK(out.all.find("took over at token 3") != std::string::npos);
  CHECK(run("reload").error().code == Errc::kUsage);
  CHECK(run("reload a.pxasm now").error().code == Errc::kUsage);
  CHECK(run("reload nothing").error().code == Errc::kNotFound);
}

TEST_CASE_METHOD(fake::CommandFixture, "run shows a program's text and screen", "[shell]") {
  REQUIRE(run("mount welcome"));
  out.pictures.clear();
  REQUIRE(run("run welcome"));
  CHECK(out.all == "I am welcome\n");
  CHECK(out.pictures.size() == 1);
  CHECK(run("run welcome nowhere").error().code == Errc::kTrap);
  store("small.pxa");
  REQUIRE(run("mount small"));
  CHECK(run("run small").error().code == Errc::kUsage);
}
