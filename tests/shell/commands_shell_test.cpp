#include "pxvm/base/file.hpp"
#include "shell/command.hpp"
#include "tests/shell/command_fixture.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

TEST_CASE_METHOD(fake::CommandFixture, "help lists every command and explains one", "[shell]") {
  REQUIRE(run("help"));
  for (const CommandInfo& command : commands())
    CHECK(out.all.find("  " + std::string(command.name)) != std::string::npos);
  REQUIRE(run("help dir"));
  CHECK(out.all.find("ls [FOLDER]") != std::string::npos);
  CHECK(out.all.find("also: dir") != std::string::npos);
  CHECK(run("help nothing").error().code == Errc::kUsage);
}

TEST_CASE_METHOD(fake::CommandFixture, "map shows a picture, or writes it", "[shell]") {
  CHECK(run("map").error().code == Errc::kNotFound);
  REQUIRE(run("mount welcome"));
  out.pictures.clear();
  REQUIRE(run("map"));
  REQUIRE(out.pictures.size() == 1);
  CHECK(out.all == "100 x 50 pixels of memory");
  const auto file = folder / "map.png";
  REQUIRE(run("map " + file.string()));
  CHECK(pixelfs::is_png(read_file(file).value()));
  CHECK(run("map /no/such/folder/map.png").error().code != Errc::kUsage);
  CHECK(run("map nowhere").error().code == Errc::kNotFound);
  CHECK(run("map blk.0 " + file.string()));
  CHECK(run("map blk.0 blk.1").error().code == Errc::kUsage);
}

TEST_CASE_METHOD(fake::CommandFixture, "screenshot, clear and exit are the front's", "[shell]") {
  REQUIRE(run("screenshot a.png"));
  REQUIRE(front.screenshots.size() == 1);
  CHECK(front.screenshots[0] == "a.png");
  REQUIRE(run("clear"));
  CHECK(front.cleared == 1);
  REQUIRE(run("quit"));
  CHECK(front.left);
}

TEST_CASE_METHOD(fake::CommandFixture, "log shows the newest lines", "[shell]") {
  REQUIRE(run("log"));
  CHECK(out.all.find("mount") != std::string::npos);
  REQUIRE(run("log 1"));
  CHECK(out.all.find("mount") == std::string::npos);
  CHECK(out.all.find("3 tokens") != std::string::npos);
  CHECK(run("log many").error().code == Errc::kUsage);
  CHECK(run("log -1").error().code == Errc::kUsage);
}
