#pragma once
// Where text comes from. The preprocessor turns files into a flat table of lines; every later
// position is a Span into that table, and only here is a span turned back into file:line:column.
// Single-threaded, one per assembly.

#include "assembler/diagnostic.hpp"
#include "assembler/warnings.hpp"

#include <deque>
#include <optional>
#include <string_view>

namespace pxos::assembler {

/// A byte range of one expanded line; column counts from 0.
struct Span {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 0;
};

/// The place of what is wrong with a program as a whole.
inline constexpr Span kNowhere{0xFFFFFFFF, 0, 0};

/// The smallest span that covers both; they are on the same line.
[[nodiscard]] Span cover(Span first, Span last);

/// One line after expansion. `text` is kept by the SourceMap.
struct Line {
  std::string_view text;
  std::string_view original;  ///< the line as it stands in its file
  std::uint32_t file = 0;
  std::uint32_t number = 0;  ///< line in that file, from 1
  std::optional<Span> use;   ///< inside a macro: the statement that used it
  std::string_view macro;    ///< inside a macro: its name
  bool rewritten = false;    ///< substitution changed the text: columns do not match the file
};

class SourceMap {
 public:
  std::uint32_t add_file(SourceFile file);
  [[nodiscard]] const SourceFile& file(std::uint32_t index) const { return files_[index]; }
  [[nodiscard]] std::size_t file_count() const { return files_.size(); }
  [[nodiscard]] std::vector<SourceFile> take_files();

  /// Keeps a text for the life of the map.
  std::string_view keep(std::string text);
  std::uint32_t add_line(const Line& line);
  [[nodiscard]] const Line& line(std::uint32_t index) const { return lines_[index]; }
  [[nodiscard]] std::size_t line_count() const { return lines_.size(); }

  /// The outermost statement in a file that led to this span: the span itself outside macros.
  [[nodiscard]] Span origin(Span span) const;
  /// A diagnostic at the origin of `span`; inside a macro its definition is added as a note. A span
  /// that is on no line, as kNowhere, gives one about the first file as a whole.
  [[nodiscard]] Diagnostic make(Severity severity, Span span, std::string message) const;

 private:
  [[nodiscard]] Diagnostic place(Severity severity, Span span, std::string message) const;
  [[nodiscard]] Diagnostic place_expanded(Span span) const;

  std::deque<SourceFile> files_;
  std::deque<std::string> kept_;
  std::deque<Line> lines_;
};

/// Collects diagnostics up to the caps. full() tells loops that there are enough errors to stop;
/// warnings never stop anything.
class Reporter {
 public:
  explicit Reporter(const SourceMap& map) : map_(map) {}

  /// Which warnings are given, and whether they are errors. All are, and they are not, until told.
  void set_warnings(WarningSet wanted, bool are_errors);

  /// The reference is valid until the next report; use it to add notes.
  Diagnostic& error(Span span, std::string message, std::string hint = {});
  void warning(Warning kind, Span span, std::string message, std::string hint = {});
  void note(Diagnostic& to, Span span, std::string message) const;

  [[nodiscard]] bool full() const;
  [[nodiscard]] std::size_t error_count() const { return errors_; }
  /// In the order of files and lines.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  Diagnostic& add(Diagnostic diagnostic, std::string hint);

  const SourceMap& map_;
  WarningSet wanted_;
  bool warnings_are_errors_ = false;
  std::vector<Diagnostic> diagnostics_;
  Diagnostic dropped_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

}  // namespace pxos::assembler
