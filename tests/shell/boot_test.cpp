#include "shell/boot.hpp"

#include "tests/shell/command_fixture.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

TEST_CASE_METHOD(fake::CommandFixture, "Booting without cartridges ends with the welcome cartridge",
                 "[shell]") {
  REQUIRE(boot(context, {}));
  CHECK(state.current() == "welcome");
  for (const char* shown : {"Fake CPU", "scalar, 2 threads", "0 cartridges", "I am welcome"})
    CHECK(out.all.find(shown) != std::string::npos);
  CHECK(out.pictures.size() == 2);  // the logo and the program's screen
}

TEST_CASE_METHOD(fake::CommandFixture,
                 "The default cartridge is mounted, and a broken one is named", "[shell]") {
  store("smollm2-135m-instruct.pxa");
  store("zzz.pxa");
  REQUIRE(boot(context, {}));
  CHECK(state.current() == "smollm2-135m-instruct");
  system.failing_file = (state.paths().cartridges() / "smollm2-135m-instruct.pxa").string();
  REQUIRE(boot(context, {}));
  CHECK(state.current() == "welcome");
  CHECK(out.all.find("bad magic") != std::string::npos);
}

TEST_CASE_METHOD(fake::CommandFixture, "A cartridge that was asked for must mount", "[shell]") {
  system.failing_file = "broken.pxa";
  const auto result = boot(context, {"broken.pxa"});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::kInvalid);
}

TEST_CASE_METHOD(fake::CommandFixture, "default.pxa comes before everything", "[shell]") {
  CHECK_FALSE(default_cartridge(state.paths()));
  store("newest.pxa");
  CHECK(default_cartridge(state.paths())->filename() == "newest.pxa");
  store("smollm2-135m-instruct.pxa");
  CHECK(default_cartridge(state.paths())->filename() == "smollm2-135m-instruct.pxa");
  store("default.pxa");
  CHECK(default_cartridge(state.paths())->filename() == "default.pxa");
}
