#include "shell/terminal_output.hpp"

#include <cstdio>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

std::string content(std::FILE* file) {
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  return text;
}

struct Streams {
  File results{std::tmpfile()};
  File notes{std::tmpfile()};
};

}  // namespace

TEST_CASE_METHOD(Streams, "A pipe gets plain results; notes and errors go elsewhere", "[shell]") {
  TerminalOutput out(results.get(), notes.get(), Colours::kOff);
  out.text("answer", Style::kModel);
  out.note("3 tokens");
  out.text("went wrong\n", Style::kError);
  out.picture({2, 1, 3, {0, 0, 0, 0, 0, 0}}, "small");
  CHECK(content(results.get()) == "answer\n[picture of 2 x 1 pixels: small]\n");
  CHECK(content(notes.get()) == "3 tokens\nwent wrong\n");
}

TEST_CASE_METHOD(Streams, "What a model says cannot steer the terminal", "[shell]") {
  TerminalOutput out(results.get(), notes.get(), Colours::kOn);
  out.text(
      "a\x1b]0;title\x07\x9b"
      "b\xFF\r",
      Style::kText);
  const std::string text = content(results.get());
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
  CHECK(printable("ü€\n\t") == "ü€\n\t");
  CHECK(printable("\xC2\x9b[2J") == "\xEF\xBF\xBD[2J");
}

TEST_CASE_METHOD(Streams, "A picture is two pixels to a cell, within the width", "[shell]") {
  TerminalOutput out(results.get(), notes.get(), Colours::kOn, 10);
  out.picture({1000, 500, 4, ByteVector(2'000'000, 255)}, "");
  const std::string text = content(results.get());
  std::size_t rows = 0;
  std::size_t cells = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    rows += text[i] == '\n' ? 1U : 0U;
    cells += text.compare(i, 3, "▀") == 0 ? 1U : 0U;
  }
  CHECK(rows == 3);
  CHECK(cells == 30);
}

TEST_CASE_METHOD(Streams, "A file is no terminal", "[shell]") {
  CHECK(colours_for(results.get()) == Colours::kOff);
  CHECK(terminal_columns(results.get()) == 80);
}
