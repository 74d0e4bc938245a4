#include "shell/history.hpp"

#include "tests/support/temp_folder.hpp"

#include <fstream>

#include <catch2/catch.hpp>

using pxos::shell::History;

TEST_CASE("History drops empty lines, repeats and lines that begin with a space", "[shell]") {
  History history;
  for (const char* line : {"a", "", "a", " secret", "b", "a"}) history.add(line);
  REQUIRE(history.size() == 3);
  CHECK(history.at(0) == "a");
  CHECK(history.at(1) == "b");
  CHECK(history.at(2) == "a");
}

TEST_CASE("History survives a restart", "[shell]") {
  const pxos::test::TempFolder folder;
  const auto file = folder / "deep/er/history";
  {
    History history = History::load(file);
    history.add("first");
    history.add("zweite ü");
  }
  const History again = History::load(file);
  REQUIRE(again.size() == 2);
  CHECK(again.at(1) == "zweite ü");
}

TEST_CASE("A history file that has grown is cut to the newest lines", "[shell]") {
  const pxos::test::TempFolder folder;
  const auto file = folder / "history";
  {
    std::ofstream out(file);
    for (std::size_t i = 0; i < 3 * History::kMaxLines; ++i) out << "line " << i << '\n';
  }
  const History history = History::load(file);
  CHECK(history.size() == History::kMaxLines);
  CHECK(history.at(history.size() - 1) == "line " + std::to_string(3 * History::kMaxLines - 1));
  CHECK(History::load(file).size() == History::kMaxLines);  // the file was rewritten
  CHECK(std::filesystem::file_size(file) < 40'000);
}

TEST_CASE("Search finds the newest line below a position", "[shell]") {
  History history;
  for (const char* line : {"mount a", "ask b", "mount c"}) history.add(line);
  CHECK(history.find("mount", 3) == 2);
  CHECK(history.find("mount", 2) == 0);
  CHECK(history.find("mount", 0) == 3);
  CHECK(history.find("nothing", 3) == 3);
}

TEST_CASE("A history file that cannot be read or written is no failure", "[shell]") {
  History history = History::load("/proc/nothing/history");
  history.add("line");
  CHECK(history.size() == 1);
}
