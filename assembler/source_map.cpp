#include "assembler/source_map.hpp"

#include "assembler/assembler.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

namespace pxos::assembler {

namespace {

constexpr std::size_t kNotedMacros = 4;

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
  // Point at the whole statement of the unexpanded text.
  const std::size_t first = std::min(at.text.find_first_not_of(" \t"), at.text.size());
  out.column = static_cast<std::uint32_t>(first + 1);
  out.length = static_cast<std::uint32_t>(1);
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
    const Line& at = lines_[span.line];
    const std::size_t first = std::min(at.text.find_first_not_of(" \t"), at.text.size());
    out.notes.push_back(
        place(Severity::kNote, span,
              fmt::format("in macro '{}', expanded to: {}", at.macro, at.text.substr(first))));
    span = *at.use;
  }
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

Diagnostic& Reporter::warning(Span span, std::string message, std::string hint) {
  return add(map_.make(Severity::kWarning, span, std::move(message)), std::move(hint));
}

void Reporter::note(Diagnostic& to, Span span, std::string message) const {
  Diagnostic made = map_.make(Severity::kNote, span, std::move(message));
  made.notes.clear();
  to.notes.push_back(std::move(made));
}

bool Reporter::full() const {
  return errors_ >= Caps::kDiagnostics;
}

std::vector<Diagnostic> Reporter::take() {
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
