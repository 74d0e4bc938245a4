#include "shell/line_editor.hpp"

#include <catch2/catch.hpp>

using namespace pxos::shell;

namespace {

KeyStroke ctrl(char letter) {
  return {Key::kLetter, letter, true, false, false};
}
KeyStroke alt(char letter) {
  return {Key::kLetter, letter, false, true, false};
}
KeyStroke key(Key code) {
  return {code, 0, false, false, false};
}

struct Editing {
  History history;
  LineEditor editor{history};
  void keys(std::initializer_list<KeyStroke> strokes) {
    for (const KeyStroke& stroke : strokes) editor.handle(stroke);
  }
};

}  // namespace

TEST_CASE_METHOD(Editing, "Text goes in at the cursor, by characters, not bytes", "[shell]") {
  editor.insert("aü€");
  keys({key(Key::kLeft), key(Key::kLeft)});
  CHECK(editor.cursor() == 1);
  editor.insert("x");
  CHECK(editor.text() == "axü€");
  keys({ctrl('e'), key(Key::kBackspace)});
  CHECK(editor.text() == "axü");
  keys({ctrl('a'), key(Key::kDelete), ctrl('d')});
  CHECK(editor.text() == "ü");
  keys({ctrl('f'), ctrl('h')});
  CHECK(editor.text().empty());
}

TEST_CASE_METHOD(Editing, "Line breaks of a paste become spaces, control characters vanish",
                 "[shell]") {
  editor.insert("a\nb\tc\x1b[2J\x7f");
  CHECK(editor.text() == "a b c[2J");
}

TEST_CASE_METHOD(Editing, "A huge paste is cut at a whole character", "[shell]") {
  std::string huge;
  while (huge.size() <= LineEditor::kMaxBytes) huge += "€";
  editor.insert(huge);
  CHECK(editor.text().size() <= LineEditor::kMaxBytes);
  CHECK(editor.text().size() % 3 == 0);
}

TEST_CASE_METHOD(Editing, "Words are crossed and killed, kills in a row join", "[shell]") {
  editor.insert("one two-three four");
  keys({alt('b')});
  CHECK(editor.cursor() == 14);
  keys({alt('b'), alt('b')});
  CHECK(editor.cursor() == 4);
  keys({alt('f')});
  CHECK(editor.cursor() == 7);
  keys({ctrl('e'), ctrl('w'), ctrl('w')});
  CHECK(editor.text() == "one ");
  keys({ctrl('y')});
  CHECK(editor.text() == "one two-three four");
  keys({ctrl('a'), alt('d'), ctrl('e'), ctrl('y')});
  CHECK(editor.text() == " two-three fourone");
}

TEST_CASE_METHOD(Editing, "C-k and C-u kill to the ends", "[shell]") {
  editor.insert("abcdef");
  keys({key(Key::kLeft), key(Key::kLeft), ctrl('k')});
  CHECK(editor.text() == "abcd");
  keys({key(Key::kLeft), ctrl('u')});
  CHECK(editor.text() == "d");
  CHECK(editor.cursor() == 0);
}

TEST_CASE_METHOD(Editing, "C-t swaps two characters", "[shell]") {
  editor.insert("aüb");
  keys({ctrl('t')});
  CHECK(editor.text() == "abü");
  keys({ctrl('a'), ctrl('f'), ctrl('t')});
  CHECK(editor.text() == "baü");
}

TEST_CASE_METHOD(Editing, "Up and Down walk the history and come back to what was typed",
                 "[shell]") {
  history.add("first");
  history.add("second");
  editor.insert("half");
  keys({key(Key::kUp)});
  CHECK(editor.text() == "second");
  keys({key(Key::kUp), key(Key::kUp)});
  CHECK(editor.text() == "first");
  keys({key(Key::kDown), key(Key::kDown)});
  CHECK(editor.text() == "half");
  keys({key(Key::kDown)});
  CHECK(editor.text() == "half");
}

TEST_CASE_METHOD(Editing, "C-r searches backwards, again for the one before, Escape gives up",
                 "[shell]") {
  for (const char* line : {"mount tiny", "ask why", "mount small"}) history.add(line);
  editor.insert("typed");
  keys({ctrl('r')});
  editor.insert("mou");
  CHECK(editor.text() == "mount small");
  CHECK(editor.search_prompt() == "(search) mou: ");
  keys({ctrl('r')});
  CHECK(editor.text() == "mount tiny");
  keys({key(Key::kEscape)});
  CHECK(editor.text() == "typed");
  CHECK(editor.search_prompt().empty());
}

TEST_CASE_METHOD(Editing, "Enter accepts what a search found", "[shell]") {
  history.add("ask why");
  keys({ctrl('r')});
  editor.insert("why");
  CHECK(editor.handle(key(Key::kEnter)) == EditAction::kSubmit);
  CHECK(editor.take_line() == "ask why");
  CHECK(editor.text().empty());
}

TEST_CASE_METHOD(Editing, "Keys that are the owner's business are passed on", "[shell]") {
  CHECK(editor.handle(ctrl('d')) == EditAction::kEnd);
  CHECK(editor.handle(ctrl('c')) == EditAction::kInterrupt);
  CHECK(editor.handle(ctrl('l')) == EditAction::kClear);
  editor.insert("x");
  CHECK(editor.handle(ctrl('d')) == EditAction::kNone);
}

TEST_CASE("Tab completes what is certain and offers what is not", "[shell]") {
  History history;
  std::vector<std::string> candidates;
  LineEditor editor(history, [&](std::string_view, std::size_t) {
    return Completion{0, candidates};
  });
  editor.insert("mo");
  candidates = {"mount", "mounts"};
  editor.handle(key(Key::kTab));
  CHECK(editor.text() == "mount");
  CHECK(editor.candidates().size() == 2);
  candidates = {"mounts"};
  editor.handle(key(Key::kTab));
  CHECK(editor.text() == "mounts ");
  CHECK(editor.candidates().empty());
}

TEST_CASE("A completion of files never ends inside a character", "[shell]") {
  History history;
  LineEditor editor(history, [](std::string_view, std::size_t) {
    return Completion{0, {"xä", "xö"}};  // they share the first byte of the umlaut
  });
  editor.insert("x");
  editor.handle(key(Key::kTab));
  CHECK(editor.text() == "x");
}

TEST_CASE("A completed folder gets no space, so that one can go on", "[shell]") {
  History history;
  LineEditor editor(history, [](std::string_view, std::size_t) { return Completion{0, {"dir/"}}; });
  editor.insert("d");
  editor.handle(key(Key::kTab));
  CHECK(editor.text() == "dir/");
}
