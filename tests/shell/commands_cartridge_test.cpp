#include "shell/command.hpp"
#include "tests/shell/command_fixture.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

TEST_CASE_METHOD(fake::CommandFixture, "ls shows stored cartridges with their titles", "[shell]") {
  REQUIRE(run("ls"));
  CHECK(out.all.find("no cartridges in") != std::string::npos);
  store("small.pxa");
  store("other.png");
  REQUIRE(run("ls"));
  CHECK(out.all.find("small") != std::string::npos);
  CHECK(out.all.find("A Title") != std::string::npos);
  CHECK(out.all.find("other") == std::string::npos);
}

TEST_CASE_METHOD(fake::CommandFixture, "mount finds a cartridge by name, by file and as welcome",
                 "[shell]") {
  store("small.pxa");
  REQUIRE(run("mount small"));
  CHECK(state.current() == "small");
  CHECK(out.all.find("135 M parameters") != std::string::npos);
  REQUIRE(run("mount small.pxa second"));
  CHECK(state.current() == "second");
  REQUIRE(run("mount " + (state.paths().cartridges() / "small.pxa").string() + " third"));
  REQUIRE(run("load welcome"));
  CHECK(out.all.find("I am welcome") != std::string::npos);  // a program runs when it is mounted
  CHECK(out.pictures.size() == 1);
  CHECK(state.mounted().size() == 4);
}

TEST_CASE_METHOD(fake::CommandFixture, "mount says what is missing", "[shell]") {
  CHECK(run("mount").error().code == Errc::kUsage);
  CHECK(run("mount nothing").error().code == Errc::kNotFound);
  CHECK(state.current().empty());
}

TEST_CASE_METHOD(fake::CommandFixture, "unmount puts the current one away and goes back to another",
                 "[shell]") {
  store("small.pxa");
  REQUIRE(run("mount small a"));
  REQUIRE(run("mount small b"));
  REQUIRE(run("unmount"));
  CHECK(state.current() == "a");
  REQUIRE(run("unmount a"));
  CHECK(state.current().empty());
  CHECK(run("unmount").error().code == Errc::kNotFound);
  CHECK(run("unmount a").error().code == Errc::kNotFound);
}

TEST_CASE_METHOD(fake::CommandFixture, "swap changes who is talked to", "[shell]") {
  store("small.pxa");
  REQUIRE(run("mount small a"));
  REQUIRE(run("mount small b"));
  REQUIRE(run("swap a"));
  CHECK(state.current() == "a");
  CHECK(run("swap nobody").error().code == Errc::kNotFound);
  CHECK(run("swap").error().code == Errc::kUsage);
  CHECK(state.current() == "a");
  REQUIRE(run("mounts"));
  CHECK(out.all.find(" • a ") != std::string::npos);
}

TEST_CASE_METHOD(fake::CommandFixture, "info tells the facts of a mount", "[shell]") {
  CHECK(run("info").error().code == Errc::kNotFound);
  store("small.pxa");
  REQUIRE(run("mount small"));
  REQUIRE(run("info"));
  for (const char* fact : {"A Title", "135 M", "98.4 MB, executed in place", "0 of 2048"})
    CHECK(out.all.find(fact) != std::string::npos);
}
