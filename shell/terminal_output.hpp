#pragma once
// Output as text on a stream: plain, or with colours and pictures of half blocks on a terminal that
// can show them. Notes and errors go to a stream of their own, so that a pipe
// gets results only.

#include "shell/output.hpp"

#include <cstdio>

namespace pxos::shell {

enum class Colours : std::uint8_t { kOff, kOn };

class TerminalOutput final : public Output {
 public:
  /// Keeps both streams. `columns` bounds the width of pictures.
  TerminalOutput(std::FILE* results, std::FILE* notes, Colours colours, std::size_t columns = 80)
      : results_(results), notes_(notes), colours_(colours), columns_(columns) {}

  void text(std::string_view utf8, Style style) override;
  void picture(const pixelfs::Image& image, std::string_view caption) override;
  void note(std::string_view line) override;
  void activity(std::string_view) override {}

 private:
  void note_styled(std::string_view text, Style style);
  void coloured(std::FILE* stream, std::string_view text, Style style);

  std::FILE* results_;
  std::FILE* notes_;
  Colours colours_;
  std::size_t columns_;
  bool line_open_ = false;
};

/// Text that a terminal shows and does not obey: control characters other than '\n' and '\t', and
/// bytes that are not UTF-8, become U+FFFD.
[[nodiscard]] std::string printable(std::string_view utf8);

/// Colours are on for a terminal, unless NO_COLOR is set or TERM is "dumb".
[[nodiscard]] Colours colours_for(std::FILE* stream);
/// Width of the terminal behind a stream; 80 when it is none.
[[nodiscard]] std::size_t terminal_columns(std::FILE* stream);

}  // namespace pxos::shell
