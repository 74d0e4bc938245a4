#pragma once
// Draws the console: the transcript, the line being edited below it, a status bar at the bottom.
// A pure function of its arguments; only what is visible is laid out.

#include "pixelfs/png.hpp"
#include "shell/screen.hpp"
#include "shell/style.hpp"
#include "shell/transcript.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace pxos::shell {

/// The line being edited.
struct InputLine {
  bool visible = true;
  std::string prompt;      ///< in front of it, not editable
  std::string text;        ///< UTF-8
  std::size_t cursor = 0;  ///< byte offset into text, at a code point
  std::string hint;        ///< shown dim behind it (what Tab would add)
};

struct StatusBar {
  std::string left;
  std::string middle;
  std::string right;
  bool busy = false;
};

struct ConsoleState {
  InputLine input;
  StatusBar status;
  std::size_t scroll_rows = 0;  ///< rows scrolled back; more than there are is as far as possible
  bool cursor_on = true;
};

struct ConsoleFrame {
  pixelfs::Image image;         ///< RGB
  std::size_t scroll_rows = 0;  ///< what was possible of the wish
  std::size_t view_rows = 0;    ///< rows that fit, for paging
};

ConsoleFrame draw_console(const Transcript& transcript, const ConsoleState& state, Size size,
                          const Theme& theme = {});

/// One character cell of a wrapped row.
struct Cell {
  char32_t code_point = U' ';
  Style style = Style::kText;
};
using Row = std::vector<Cell>;

/// Breaks spans into rows of at most `columns` cells, at spaces where a word allows it. Marks that
/// combine with the letter before them take no cell. At least one row. Requires: columns >= 1.
[[nodiscard]] std::vector<Row> wrap(const std::vector<Span>& spans, std::size_t columns);

}  // namespace pxos::shell
