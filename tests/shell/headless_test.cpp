#include "shell/headless.hpp"

#include "pxvm/base/file.hpp"
#include "tests/shell/command_fixture.hpp"

#include <cstdio>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

namespace {

struct Headless : fake::CommandFixture {
  std::string said;

  int script(const std::string& commands, std::optional<std::filesystem::path> screenshot = {}) {
    std::FILE* file = std::tmpfile();
    const int code = run_headless(system, state, {{}, commands, std::move(screenshot)}, file);
    std::rewind(file);
    said.clear();
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) said += static_cast<char>(c);
    std::fclose(file);
    return code;
  }
};

}  // namespace

TEST_CASE_METHOD(Headless, "A script runs in order and writes results only", "[shell]") {
  store("small.pxa");
  CHECK(script("ask \"one; two\"; mounts") == 0);
  CHECK(said.starts_with("Hello there.\n"));
  CHECK(said.find("small") > said.find("Hello"));
  CHECK(said.find("pxOS") == std::string::npos);
}

TEST_CASE_METHOD(Headless, "The exit code is that of the last failure", "[shell]") {
  store("small.pxa");
  CHECK(script("mount nothing; mounts") == 1);
  CHECK(script("mount nothing; log many; mounts") == 2);
  CHECK(script("run small nowhere") == 3);
}

TEST_CASE_METHOD(Headless, "exit ends the script", "[shell]") {
  CHECK(script("exit; mount nothing") == 0);
}

TEST_CASE_METHOD(Headless, "The picture shows boot and commands, and is the same every time",
                 "[shell]") {
  store("small.pxa");
  const auto file = folder / "screen.png";
  CHECK(script("help", file) == 0);
  const auto png = read_file(file);
  REQUIRE(png);
  const auto image = pixelfs::decode_png(*png);
  REQUIRE(image);
  CHECK(image->width == 960);
  CHECK(image->height == 540);
  CHECK(image->channels == 3);
  CHECK(script("screenshot " + (folder / "own.png").string() + "; mount nothing") == 1);
  CHECK(std::filesystem::exists(folder / "own.png"));
  CHECK(script("mounts", folder / "no/such/folder.png") == 1);
}
