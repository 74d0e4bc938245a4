#include "assembler/diagnostic.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

/// Widest piece of a source line that is shown.
constexpr std::size_t kShownBytes = 160;

std::string_view severity_text(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "?";
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// Control bytes would move the terminal's cursor; tabs are kept because the caret line repeats
/// them.
std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) c = '?';
  }
  return out;
}

std::optional<std::string_view> find_line(std::string_view text, std::uint32_t number) {
  for (std::uint32_t line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || end + 1 == text.size()) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

/// The line with carets below it, or nothing when the place is not in it.
std::string excerpt(const Diagnostic& diagnostic, std::string_view line) {
  std::size_t column = diagnostic.column - 1;
  if (diagnostic.column == 0 || column > line.size()) return {};
  // Long lines are shown around the place.
  std::size_t cut = 0;
  if (line.size() > kShownBytes && column > kShownBytes / 2) cut = column - kShownBytes / 2;
  while (cut > 0 && cut < line.size() && is_continuation(line[cut])) --cut;
  line = line.substr(cut, kShownBytes);
  column -= cut;
  std::string carets;
  for (const char c : line.substr(0, column)) {
    if (c == '\t') carets += '\t';
    if (c != '\t' && !is_continuation(c)) carets += ' ';
  }
  std::size_t width = 0;
  for (const char c : line.substr(column, diagnostic.length)) width += is_continuation(c) ? 0U : 1U;
  const std::string number = fmt::format("{:>5}", diagnostic.line);
  return fmt::format("{} | {}\n{:>5} | {}{}\n", number, printable(line), "", carets,
                     std::string(std::max<std::size_t>(width, 1), '^'));
}

/// The line of the place: as a macro made it, or as it stands in its file.
std::optional<std::string_view> shown_line(const Diagnostic& diagnostic,
                                           std::span<const SourceFile> sources) {
  if (diagnostic.line == 0) return std::nullopt;
  if (!diagnostic.expanded.empty()) return diagnostic.expanded;
  const auto source = std::find_if(sources.begin(), sources.end(), [&](const SourceFile& file) {
    return file.path == diagnostic.file;
  });
  return source == sources.end() ? std::nullopt : find_line(source->text, diagnostic.line);
}

/// What to write on the command line to be told nothing of it: " [-Wunused-temp]".
std::string category_text(const Diagnostic& diagnostic) {
  if (diagnostic.category.empty()) return {};
  const bool error = diagnostic.severity == Severity::kError;
  return fmt::format(" [-W{}{}]", error ? "error=" : "", diagnostic.category);
}

std::string render_one(const Diagnostic& diagnostic, std::span<const SourceFile> sources) {
  std::string out = printable(diagnostic.file);
  if (diagnostic.line > 0) out += fmt::format(":{}", diagnostic.line);
  if (diagnostic.line > 0 && diagnostic.column > 0) out += fmt::format(":{}", diagnostic.column);
  out += fmt::format(": {}: {}{}\n", severity_text(diagnostic.severity),
                     printable(diagnostic.message), category_text(diagnostic));
  if (const auto line = shown_line(diagnostic, sources)) out += excerpt(diagnostic, *line);
  if (!diagnostic.hint.empty())
    out += fmt::format("{:>5} = hint: {}\n", "", printable(diagnostic.hint));
  return out;
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string render(const Diagnostic& diagnostic, std::span<const SourceFile> sources) {
  std::string out = render_one(diagnostic, sources);
  for (const Diagnostic& note : diagnostic.notes) out += render_one(note, sources);
  return out;
}

std::string render_all(std::span<const Diagnostic> diagnostics,
                       std::span<const SourceFile> sources) {
  if (diagnostics.empty()) return {};
  std::string out;
  std::size_t errors = 0;
  std::size_t warnings = 0;
  for (const Diagnostic& diagnostic : diagnostics) {
    errors += diagnostic.severity == Severity::kError ? 1U : 0U;
    warnings += diagnostic.severity == Severity::kWarning ? 1U : 0U;
    out += render(diagnostic, sources);
  }
  if (errors > 0) out += counted(errors, "error");
  if (errors > 0 && warnings > 0) out += ", ";
  if (warnings > 0) out += counted(warnings, "warning");
  return out + "\n";
}

}  // namespace pxos::assembler
