#include "shell/console_view.hpp"

#include <catch2/catch.hpp>

using namespace pxos::shell;

namespace {

std::string as_text(const Row& row) {
  std::string text;
  for (const Cell& cell : row)
    text += cell.code_point < 128 ? static_cast<char>(cell.code_point) : '?';
  return text;
}

std::vector<std::string> wrapped(std::string text, std::size_t columns) {
  std::vector<std::string> rows;
  for (const Row& row : wrap({{std::move(text), Style::kText}}, columns))
    rows.push_back(as_text(row));
  return rows;
}

/// Rows of pixels between y and y + height that are not the background.
bool is_blank(const pxos::pixelfs::Image& image, std::uint32_t y, std::uint32_t height) {
  const Rgb background = Theme{}.background;
  for (std::size_t i = std::size_t{y} * image.width * 3;
       i < std::size_t{y + height} * image.width * 3; i += 3) {
    if (image.pixels[i] != background[0] || image.pixels[i + 1] != background[1]) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("Lines wrap at spaces, and inside words that are too long", "[shell]") {
  CHECK(wrapped("the quick brown fox", 10) == std::vector<std::string>{"the quick", "brown fox"});
  CHECK(wrapped("0123456789ab", 5) == std::vector<std::string>{"01234", "56789", "ab"});
  CHECK(wrapped("abcde fgh", 5) == std::vector<std::string>{"abcde", "fgh"});
  CHECK(wrapped("", 5) == std::vector<std::string>{""});
  CHECK(wrapped("abc", 1) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("Wrapping keeps styles and gives combining marks no cell", "[shell]") {
  const auto rows = wrap({{"ab", Style::kUser}, {"cd", Style::kModel}}, 3);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0][2].style == Style::kModel);
  CHECK(wrap({{"e\xCC\x81x", Style::kText}}, 10)[0].size() == 2);
}

TEST_CASE("The same console draws the same frame, a different one does not", "[shell]") {
  Transcript transcript;
  const auto out = transcript.begin_block();
  out->text("hello\n", Style::kText);
  const ConsoleState state;
  const auto first = draw_console(transcript, state, kDesignSize).image.pixels;
  CHECK(draw_console(transcript, state, kDesignSize).image.pixels == first);
  out->text("world\n", Style::kText);
  CHECK(draw_console(transcript, state, kDesignSize).image.pixels != first);
}

TEST_CASE("A short transcript begins at the top, a long one ends at the bottom", "[shell]") {
  Transcript transcript;
  const auto out = transcript.begin_block();
  ConsoleState state;
  state.input.visible = false;
  out->text("one\n", Style::kText);
  CHECK_FALSE(is_blank(draw_console(transcript, state, kDesignSize).image, 12, 18));
  CHECK(is_blank(draw_console(transcript, state, kDesignSize).image, 60, 400));
  for (int i = 0; i < 200; ++i) out->text("line\n", Style::kText);
  const ConsoleFrame frame = draw_console(transcript, state, kDesignSize);
  const auto last_row = static_cast<std::uint32_t>(12 + (frame.view_rows - 1) * 18);
  CHECK_FALSE(is_blank(frame.image, last_row, 18));
}

TEST_CASE("Scrolling stops at the first line", "[shell]") {
  Transcript transcript;
  const auto out = transcript.begin_block();
  for (int i = 0; i < 100; ++i) out->text("line\n", Style::kText);
  ConsoleState state;
  state.scroll_rows = 1'000'000;
  const ConsoleFrame frame = draw_console(transcript, state, kDesignSize);
  CHECK(frame.scroll_rows == 100 + 2 - frame.view_rows);
}

TEST_CASE("Pictures of any shape and windows of any size draw", "[shell]") {
  Transcript transcript;
  const auto out = transcript.begin_block();
  out->picture({480, 200, 3, pxos::ByteVector(480 * 200 * 3, 99)}, "a picture");
  out->picture({1, 3000, 4, pxos::ByteVector(12'000, 200)}, "");
  out->picture({3000, 1, 1, pxos::ByteVector(3000, 200)}, "");
  ConsoleState state;
  state.input.text = std::string(3000, 'w') + "ü";
  state.input.cursor = 1500;
  state.status = {"left", "middle", "right", true};
  for (const Size size : {kMinimumSize, Size{1, 1}, Size{40, 500}, kDesignSize, Size{1921, 1079}}) {
    for (const std::size_t scroll : {0U, 3U, 500U}) {
      state.scroll_rows = scroll;
      const ConsoleFrame frame = draw_console(transcript, state, size);
      CHECK(frame.image.pixels.size() == std::size_t{size.width} * size.height * 3);
    }
  }
}
