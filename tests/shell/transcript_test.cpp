#include "shell/transcript.hpp"

#include <thread>

#include <catch2/catch.hpp>

using namespace pxos::shell;

TEST_CASE("Two jobs never mix their lines", "[shell]") {
  Transcript transcript;
  const auto first = transcript.begin_block();
  const auto second = transcript.begin_block();
  first->text("a", Style::kModel);
  second->text("x\n", Style::kText);
  first->text("b\n\nc", Style::kModel);
  CHECK(transcript.text() == "ab\n\nc\nx\n");
}

TEST_CASE("Control characters and wrong UTF-8 are shown, not obeyed", "[shell]") {
  Transcript transcript;
  transcript.begin_block()->text("a\x1b[2J\xFF\tb\r\n", Style::kText);
  CHECK(transcript.text() == "a\xEF\xBF\xBD[2J\xEF\xBF\xBD  b\n");
}

TEST_CASE("A note stands on a line of its own", "[shell]") {
  Transcript transcript;
  const auto out = transcript.begin_block();
  out->text("answer", Style::kModel);
  out->note("3 tokens");
  out->text("next", Style::kText);
  CHECK(transcript.text() == "answer\n3 tokens\nnext\n");
}

TEST_CASE("Old lines go, and so does a line without end", "[shell]") {
  Transcript transcript;
  const auto out = transcript.begin_block();
  for (std::size_t i = 0; i < Transcript::kMaxLines + 50; ++i)
    out->text("line " + std::to_string(i) + "\n", Style::kText);
  std::size_t lines = 0;
  transcript.visit_backwards([&](const Line&) { return ++lines, true; });
  CHECK(lines == Transcript::kMaxLines);
  CHECK(transcript.text().starts_with("line 50\n"));
  out->text(std::string(3 * Transcript::kMaxLineBytes, 'x'), Style::kText);
  transcript.visit_backwards([&](const Line& line) {
    CHECK(line.spans.front().text.size() <= Transcript::kMaxLineBytes + 1);
    return false;
  });
}

TEST_CASE("A block that was cleared stays empty, new ones do not", "[shell]") {
  Transcript transcript;
  const auto old = transcript.begin_block();
  old->text("old", Style::kText);
  transcript.clear();
  old->text("more", Style::kText);
  old->picture({1, 1, 3, {0, 0, 0}}, "late");
  CHECK(transcript.text().empty());
  transcript.begin_block()->text("new", Style::kText);
  CHECK(transcript.text() == "new\n");
}

TEST_CASE("Writers on several threads lose nothing", "[shell]") {
  std::atomic<int> changes{0};
  Transcript transcript([&] { ++changes; });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto out = transcript.begin_block();
        for (int i = 0; i < 100; ++i) out->text("line\n", Style::kText);
      });
    }
  }
  CHECK(transcript.text().size() == 4 * 100 * 5);
  CHECK(changes == 400);
}
