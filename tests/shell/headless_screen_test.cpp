#include "shell/headless_screen.hpp"

#include "pixelfs/png.hpp"
#include "pxvm/base/file.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace pxos;
using namespace pxos::shell;

TEST_CASE("A headless screen gives its events in order and keeps the last frame", "[shell]") {
  HeadlessScreen screen;
  screen.type("a");
  screen.press({Key::kEnter, 0, false, false, false});
  screen.wake();
  CHECK(screen.next_event(0ms)->text == "a");
  CHECK(screen.next_event(0ms)->key.key == Key::kEnter);
  CHECK(screen.next_event(0ms)->kind == Event::Kind::kWake);
  CHECK_FALSE(screen.next_event(0ms));
  screen.present({1, 1, 3, {1, 2, 3}});
  const std::uint64_t hash = screen.frame_hash();
  screen.present({1, 1, 3, {1, 2, 4}});
  CHECK(screen.frames() == 2);
  CHECK(screen.frame_hash() != hash);
}

TEST_CASE("A screenshot is a PNG of exactly the frame", "[shell]") {
  const pxos::test::TempFolder folder;
  const pixelfs::Image frame{2, 1, 3, {1, 2, 3, 4, 5, 6}};
  REQUIRE(write_screenshot(frame, folder / "a.png"));
  const auto file = read_file(folder / "a.png");
  REQUIRE(file);
  CHECK(pixelfs::decode_png(*file)->pixels == frame.pixels);
  CHECK_FALSE(write_screenshot(frame, folder / "no/such/folder/a.png"));
}
