#include "shell/console_app.hpp"

#include "shell/headless_screen.hpp"
#include "tests/shell/command_fixture.hpp"
#include "tests/support/wait_until.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace pxos;
using namespace pxos::shell;

namespace {

KeyStroke ctrl(char letter) {
  return {Key::kLetter, letter, true, false, false};
}
KeyStroke key(Key code) {
  return {code, 0, false, false, false};
}

struct App : fake::CommandFixture {
  HeadlessScreen screen;
  History history;
  ConsoleApp app{screen, system, state, history};

  App() {
    store("small.pxa");
    app.start({});
    settle();
  }
  /// Steps until nothing runs and everything that was typed is handled and drawn. False: the user
  /// left.
  bool settle() {
    bool left = false;
    int steps_at_rest = 0;
    INFO("the shell comes to rest");
    REQUIRE(test::wait_until([&] {
      left = !app.step(1ms);
      steps_at_rest = app.idle() ? steps_at_rest + 1 : 0;  // what it did last is drawn afterwards
      return left || steps_at_rest > 3;
    }));
    return !left;
  }
  /// Steps until the endless answer runs.
  void step_into_answer() {
    REQUIRE(test::wait_until([&] { return app.step(1ms), system.running.load(); }));
  }
  void enter(std::string_view line) {
    screen.type(line);
    screen.press(key(Key::kEnter));
    settle();
  }
  [[nodiscard]] bool shows(std::string_view text) const {
    return app.transcript().text().find(text) != std::string::npos;
  }
};

}  // namespace

TEST_CASE("The first frame is there before anything is mounted", "[shell]") {
  fake::CommandFixture parts;
  HeadlessScreen screen;
  History history;
  ConsoleApp app(screen, parts.system, parts.state, history);
  CHECK(screen.frames() == 0);
  app.start({});
  CHECK(screen.frames() == 1);
}

TEST_CASE_METHOD(App, "It boots, takes a line and shows the answer", "[shell]") {
  CHECK(shows("Say something to A Title"));
  enter("Who are you?");
  CHECK(shows("› Who are you?\nHello there.\n3 tokens"));
  CHECK(history.at(0) == "Who are you?");
  CHECK(app.editor().text().empty());
}

TEST_CASE_METHOD(App, "What is typed is drawn", "[shell]") {
  const std::uint64_t before = screen.frame_hash();
  screen.type("x");
  settle();
  CHECK(screen.frame_hash() != before);
  screen.press(key(Key::kBackspace));
  settle();
  CHECK(screen.frame_hash() == before);
}

TEST_CASE_METHOD(App, "Escape stops an answer at once, and the window goes on", "[shell]") {
  system.endless = true;
  screen.type("ask forever");
  screen.press(key(Key::kEnter));
  step_into_answer();
  screen.type("typed meanwhile");
  app.step(1ms);
  CHECK(app.editor().text() == "typed meanwhile");
  screen.press(key(Key::kEscape));
  settle();
  CHECK(shows("interrupted"));
  CHECK(app.editor().text() == "typed meanwhile");
}

TEST_CASE_METHOD(App, "Ctrl-C drops the line, and leaves when pressed twice on an empty one",
                 "[shell]") {
  screen.type("some text");
  screen.press(ctrl('c'));
  CHECK(settle());
  CHECK(app.editor().text().empty());
  screen.press(ctrl('c'));
  CHECK(settle());
  screen.type("x");
  screen.press(key(Key::kBackspace));
  screen.press(ctrl('c'));
  CHECK(settle());  // typing in between began anew
  screen.press(ctrl('c'));
  CHECK_FALSE(settle());
}

TEST_CASE_METHOD(App, "Ctrl-D, exit and closing the window leave", "[shell]") {
  SECTION("Ctrl-D") {
    screen.press(ctrl('d'));
  }
  SECTION("exit") {
    screen.type("exit");
    screen.press(key(Key::kEnter));
  }
  SECTION("close, while a model runs") {
    system.endless = true;
    screen.type("ask forever");
    screen.press(key(Key::kEnter));
    step_into_answer();
    screen.push({Event::Kind::kClose, {}, {}, 0});
  }
  CHECK_FALSE(settle());
}

TEST_CASE_METHOD(App, "A dropped file is mounted, a paste inserted, Tab completes", "[shell]") {
  const auto file = state.paths().cartridges() / "with space.pxa";
  store("with space.pxa");
  screen.push({Event::Kind::kFile, file.string(), {}, 0});
  settle();
  CHECK(state.current() == "with space");
  screen.set_clipboard("from\nelsewhere");
  screen.press(ctrl('v'));
  settle();
  CHECK(app.editor().text() == "from elsewhere");
  screen.press(ctrl('u'));
  screen.type("scr");
  screen.press(key(Key::kTab));
  settle();
  CHECK(app.editor().text() == "screenshot ");
}

TEST_CASE_METHOD(App, "A screenshot is the frame the window shows", "[shell]") {
  const auto file = folder / "shot.png";
  enter("screenshot " + file.string());
  CHECK(shows("the screen is in"));
  CHECK(std::filesystem::file_size(file) > 1000);
}

TEST_CASE_METHOD(App, "Scrolling goes up, stops at the top and comes back with typing", "[shell]") {
  for (int i = 0; i < 5; ++i) enter("help");
  const std::uint64_t bottom = screen.frame_hash();
  for (int i = 0; i < 100; ++i) screen.press(key(Key::kPageUp));
  settle();
  const std::uint64_t top = screen.frame_hash();
  CHECK(top != bottom);
  screen.push({Event::Kind::kWheel, {}, {}, 5});
  settle();
  CHECK(screen.frame_hash() == top);
  screen.type("x");
  screen.press(key(Key::kBackspace));
  settle();
  CHECK(screen.frame_hash() == bottom);
}

TEST_CASE_METHOD(App, "clear empties the console, a new size is drawn", "[shell]") {
  enter("clear");
  CHECK_FALSE(shows("Say something"));
  screen.resize({640, 400});
  settle();
  CHECK(screen.frame().width == 640);
}
