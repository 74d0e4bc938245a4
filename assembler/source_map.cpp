#include "assembler/source_map.hpp"

#include "assembler/assembler.hpp"
#include "assembler/lexer.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/core.h>

namespace pxos::assembler {

namespace {

/// Levels of a macro nest that are shown; a nest that is deeper is a runaway.
constexpr std::size_t kNotedMacros = 8;

std::string single_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) out += c;
    if (blank && !out.ends_with(' ')) out += ' ';
  }
  return out;
}

/// Where the statement stands in a line: without blanks around it and without its comment.
Span statement_of(std::uint32_t line, std::string_view text) {
  text = text.substr(0, comment_start(text));
  const std::size_t first = std::min(text.find_first_not_of(" \t\r"), text.size());
  const std::size_t last = text.find_last_not_of(" \t\r");
  const std::size_t end = last == std::string_view::npos ? first : last + 1;
  return {line, static_cast<std::uint32_t>(first),
          static_cast<std::uint32_t>(std::max(end, first + 1) - first)};
}

}  // namespace

Span cover(Span first, Span last) {
  const std::uint32_t end = std::max(first.column + first.length, last.column + last.length);
  return {first.line, first.column, end - first.column};
}

std::uint32_t SourceMap::add_file(SourceFile file) {
  files_.push_back(std::move(file));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

std::vector<SourceFile> SourceMap::take_files() {
  return {std::make_move_iterator(files_.begin()), std::make_move_iterator(files_.end())};
}

std::string_view SourceMap::keep(std::string text) {
  return kept_.emplace_back(std::move(text));
}

std::uint32_t SourceMap::add_line(const Line& line) {
  lines_.push_back(line);
  return static_cast<std::uint32_t>(lines_.size() - 1);
}

Span SourceMap::origin(Span span) const {
  // Uses point at lines that were added earlier, so this ends; the depth cap bounds it as well.
  while (lines_[span.line].use) span = *lines_[span.line].use;
  return span;
}

Diagnostic SourceMap::place(Severity severity, Span span, std::string message) const {
  const Line& at = lines_[span.line];
  Diagnostic out{severity,    files_[at.file].path, at.number, span.column + 1,
                 span.length, std::move(message),   {},        {}};
  if (!at.rewritten) return out;
  // Columns are those of the expanded text; in the file the whole statement is meant.
  const Span whole = statement_of(span.line, at.original);
  out.column = whole.column + 1;
  out.length = whole.length;
  return out;
}

/// "in macro 'm': relu \a, x" with the line as the expansion made it, and carets under the place.
Diagnostic SourceMap::place_expanded(Span span) const {
  const Line& at = lines_[span.line];
  const Span whole = statement_of(span.line, at.original);
  const std::string text = single_blanks(at.original.substr(whole.column, whole.length));
  Diagnostic out = place(Severity::kNote, span,
                         at.use ? fmt::format("in macro '{}': {}", at.macro, text)
                                : fmt::format("in the repetition of: {}", text));
  if (!at.rewritten) return out;
  out.column = span.column + 1;
  out.length = span.length;
  out.expanded = std::string(at.text);
  return out;
}

Diagnostic SourceMap::make(Severity severity, Span span, std::string message) const {
  if (span.line >= lines_.size()) {
    return {
        severity, files_.empty() ? std::string() : files_[0].path, 0, 0, 0, std::move(message), {},
        {}};
  }
  Diagnostic out = place(severity, origin(span), std::move(message));
  // From the innermost macro outwards: which line of which macro made the text. Deep nests are cut
  // short.
  for (std::size_t level = 0; lines_[span.line].use && level < kNotedMacros; ++level) {
    Diagnostic note = place_expanded(span);
    // A macro that uses itself: saying it once is enough.
    const bool again = !out.notes.empty() && out.notes.back().line == note.line &&
                       out.notes.back().file == note.file;
    if (!again) out.notes.push_back(std::move(note));
    span = *lines_[span.line].use;
  }
  const Line& outermost = lines_[span.line];
  if (!outermost.use && outermost.rewritten) out.notes.push_back(place_expanded(span));
  return out;
}

Diagnostic& Reporter::add(Diagnostic diagnostic, std::string hint) {
  std::size_t& count = diagnostic.severity == Severity::kError ? errors_ : warnings_;
  diagnostic.hint = std::move(hint);
  if (++count > Caps::kDiagnostics) {
    dropped_ = std::move(diagnostic);
    return dropped_;
  }
  diagnostics_.push_back(std::move(diagnostic));
  return diagnostics_.back();
}

Diagnostic& Reporter::error(Span span, std::string message, std::string hint) {
  return add(map_.make(Severity::kError, span, std::move(message)), std::move(hint));
}

void Reporter::set_warnings(WarningSet wanted, bool are_errors) {
  wanted_ = wanted;
  warnings_are_errors_ = are_errors;
}

void Reporter::warning(Warning kind, Span span, std::string message, std::string hint) {
  if (!wanted_.has(kind)) return;
  const Severity severity = warnings_are_errors_ ? Severity::kError : Severity::kWarning;
  Diagnostic made = map_.make(severity, span, std::move(message));
  made.category = std::string(warning_name(kind));
  add(std::move(made), std::move(hint));
}

void Reporter::note(Diagnostic& to, Span span, std::string message) const {
  Diagnostic made = map_.make(Severity::kNote, span, std::move(message));
  made.notes.clear();
  to.notes.push_back(std::move(made));
}

bool Reporter::full() const {
  return errors_ >= Caps::kDiagnostics;
}

/// The passes find mistakes in their own order; a person reads from top to bottom.
std::vector<Diagnostic> Reporter::take() {
  std::map<std::string_view, std::size_t> order;
  for (std::uint32_t file = 0; file < map_.file_count(); ++file)
    order.emplace(map_.file(file).path, file);
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) {
                     const std::size_t file_a = order[a.file];
                     const std::size_t file_b = order[b.file];
                     return file_a != file_b ? file_a < file_b : a.line < b.line;
                   });
  if (full()) {
    diagnostics_.push_back({Severity::kNote,
                            diagnostics_.back().file,
                            0,
                            0,
                            0,
                            "there may be more; stopped here",
                            {},
                            {}});
  }
  return std::move(diagnostics_);
}

}  // namespace pxos::assembler
