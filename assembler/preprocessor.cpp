#include "assembler/preprocessor.hpp"

#include "pxvm/isa/opcodes.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

/// Longer lines are no assembly; this bounds the tokens that exist at one time.
constexpr std::size_t kLineBytes = std::size_t{1} << 16U;
/// Bounds the work of one substitution.
constexpr std::size_t kMacroParameters = 64;

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// Pieces between commas that are outside strings and brackets; none for blank text.
std::vector<std::string_view> split_arguments(std::string_view text) {
  std::vector<std::string_view> out;
  if (trim(text).empty()) return out;
  std::size_t start = 0;
  int depth = 0;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == '\\') ++i;
      if (c == quote) quote = '\0';
      continue;
    }
    if (c == '"' || c == '\'') quote = c;
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    if (c != ',' || depth > 0) continue;
    out.push_back(trim(text.substr(start, i - start)));
    start = i + 1;
  }
  out.push_back(trim(text.substr(start)));
  return out;
}

/// A macro parameter has no dots, so that `\a.b` is `\a` and then ".b".
std::size_t parameter_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && text[length] != '.' && is_name_char(text[length])) ++length;
  return length;
}

}  // namespace

std::vector<std::uint32_t> Preprocessor::run(SourceFile file) {
  open_files_.push_back(file.path);
  const std::vector<std::uint32_t> lines = split(std::move(file));
  expand(lines, 0);
  return std::move(out_);
}

std::vector<std::string_view> Preprocessor::macro_names() const {
  std::vector<std::string_view> out;
  for (const auto& [name, macro] : macros_) out.push_back(name);
  return out;
}

std::vector<std::pair<std::string_view, Span>> Preprocessor::unused_macros() const {
  std::vector<std::pair<std::string_view, Span>> out;
  for (const auto& [name, macro] : macros_) {
    if (!macro.used) out.emplace_back(name, macro.definition);
  }
  return out;
}

/// For what would only be followed by more of its kind: said once, and nothing is expanded any
/// more.
void Preprocessor::stop(Span span, std::string message) {
  if (!stopped_) reporter_.error(span, std::move(message));
  stopped_ = true;
}

/// Every line of every expansion comes through here, so the cap holds for all of them together.
bool Preprocessor::add_line(const Line& line, std::vector<std::uint32_t>& out) {
  if (stopped_) return false;
  if (map_.line_count() >= Caps::kExpandedLines) {
    const Span at{static_cast<std::uint32_t>(map_.line_count() - 1), 0, 1};
    stop(at, fmt::format("more than {} lines after expansion", Caps::kExpandedLines));
    return false;
  }
  out.push_back(map_.add_line(line));
  return true;
}

/// A line of a macro or repeat; unchanged text is not copied.
bool Preprocessor::add_expanded(const Line& line, std::string text,
                                std::vector<std::uint32_t>& out) {
  expanded_bytes_ += text.size();
  Line made = line;
  made.rewritten = line.rewritten || text != line.text;
  if (made.rewritten) made.text = map_.keep(std::move(text));
  if (!add_line(made, out)) return false;
  const Span at{out.back(), 0, 1};
  if (made.text.size() > kLineBytes)
    stop(at, fmt::format("a line became longer than {} bytes", kLineBytes));
  if (expanded_bytes_ > Caps::kExpandedBytes) {
    stop(at, fmt::format("more than {} bytes after expansion", Caps::kExpandedBytes));
  }
  return !stopped_;
}

/// Adds the lines of a file that hold more than a comment.
std::vector<std::uint32_t> Preprocessor::split(SourceFile file) {
  std::vector<std::uint32_t> out;
  const std::uint32_t index = map_.add_file(std::move(file));
  std::string_view rest = map_.file(index).text;
  expanded_bytes_ += rest.size();
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  for (std::uint32_t number = 1; !rest.empty() && !stopped_; ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || text[first] == ';') continue;
    Line line;
    line.text = text.substr(0, std::min(text.size(), kLineBytes));
    line.original = line.text;
    line.file = index;
    line.number = number;
    if (!add_line(line, out)) break;
    if (text.size() > kLineBytes)
      stop({out.back(), 0, 1}, fmt::format("this line is longer than {} bytes", kLineBytes));
  }
  return out;
}

/// Finds the word that decides what a line is, behind its labels.
Preprocessor::Head Preprocessor::head_of(std::uint32_t line) const {
  const std::vector<Token> tokens = lex(map_.line(line).text);
  Head head;
  std::size_t at = 0;
  const auto is_label = [&] {
    const bool named =
        tokens[at].kind == TokenKind::kName || tokens[at].kind == TokenKind::kDotName;
    return named && tokens[at + 1].kind == TokenKind::kPunct && tokens[at + 1].text == ":" &&
           tokens[at + 1].column == tokens[at].column + tokens[at].length;
  };
  while (is_label()) {
    head.labels_end = tokens[at + 1].column + 1;
    at += 2;
  }
  head.token = tokens[at];
  return head;
}

/// Appends the expansion of `lines` to the output.
void Preprocessor::expand(Lines lines, std::size_t depth) {
  for (std::size_t at = 0; at < lines.size() && !stopped_ && !reporter_.full();) {
    at = expand_line(lines, at, depth);
  }
}

/// Labels in front of a macro, `.repeat` or `.include` stay, as a line of their own.
void Preprocessor::keep_labels(std::uint32_t line, const Head& head) {
  if (head.labels_end == 0) return;
  Line labels = map_.line(line);
  labels.text = labels.text.substr(0, head.labels_end);
  add_line(labels, out_);
}

/// Index of the line that closes the block opened at `at`, or lines.size().
std::size_t Preprocessor::find_end(Lines lines, std::size_t at, std::string_view opens,
                                   std::string_view closes) const {
  std::size_t open = 0;
  for (std::size_t i = at; i < lines.size(); ++i) {
    const Head head = head_of(lines[i]);
    if (head.token.kind != TokenKind::kDotName) continue;
    if (head.token.text == opens) ++open;
    if (head.token.text == closes && --open == 0) return i;
  }
  return lines.size();
}

/// Handles the line at `at` and whatever block it opens; gives the index of the next line.
std::size_t Preprocessor::expand_line(Lines lines, std::size_t at, std::size_t depth) {
  const std::uint32_t line = lines[at];
  const Head head = head_of(line);
  const Span span{line, head.token.column, head.token.length};
  if (head.token.kind == TokenKind::kName) {
    const auto macro = macros_.find(head.token.text);
    if (macro == macros_.end()) {
      out_.push_back(line);
      return at + 1;
    }
    keep_labels(line, head);
    macro->second.used = true;
    use_macro(line, head, macro->second, depth);
    return at + 1;
  }
  const std::string_view word =
      head.token.kind == TokenKind::kDotName ? head.token.text : std::string_view();
  const bool block = word == "macro" || word == "repeat";
  if (block) {
    const std::string_view closes = word == "macro" ? "endm" : "endr";
    const std::size_t end = find_end(lines, at, word, closes);
    if (end == lines.size()) {
      reporter_.error(span, fmt::format("'.{}' without '.{}'", word, closes));
      return end;
    }
    keep_labels(line, head);
    const Lines body = lines.subspan(at + 1, end - at - 1);
    if (word == "macro") define_macro(line, body);
    if (word == "repeat") repeat(line, body, depth);
    return end + 1;
  }
  if (word == "include") {
    keep_labels(line, head);
    include(line, depth);
  } else if (word == "endm" || word == "endr") {
    reporter_.error(span,
                    fmt::format("'.{}' without '.{}'", word, word == "endm" ? "macro" : "repeat"));
  } else {
    out_.push_back(line);
  }
  return at + 1;
}

/// The rest of a line behind its head, without the comment.
std::string_view Preprocessor::after(std::uint32_t line, const Token& head) const {
  const std::string_view text = map_.line(line).text;
  const std::size_t start = head.column + head.length;
  return text.substr(start, std::max(comment_start(text), start) - start);
}

/// macro ::= NAME [NAME {"," NAME}]; the body is kept as lines, not read.
void Preprocessor::define_macro(std::uint32_t line, Lines body) {
  LineParser parser(line, map_.line(line).text, reporter_);
  parser.labels();
  parser.take();
  const auto name = parser.name("the macro's name");
  if (!name) return;
  Macro macro;
  macro.definition = name->span;
  macro.body.assign(body.begin(), body.end());
  while (!parser.at_end()) {
    if (!macro.parameters.empty() && !parser.require(",", "between the macro's parameters")) return;
    const auto parameter = parser.name("a parameter's name");
    if (!parameter) return;
    if (parameter_length(parameter->text) != parameter->text.size()) {
      parser.fail_at(parameter->span, "a macro parameter has no dots in its name");
      return;
    }
    macro.parameters.push_back(parameter->text);
    if (macro.parameters.size() > kMacroParameters) {
      parser.fail_at(parameter->span,
                     fmt::format("a macro has at most {} parameters", kMacroParameters));
      return;
    }
  }
  if (isa::find_mnemonic(name->text) != nullptr) {
    reporter_.error(name->span,
                    fmt::format("'{}' is an instruction and cannot be a macro", name->text));
    return;
  }
  const auto [known, added] = macros_.emplace(name->text, std::move(macro));
  if (added) return;
  Diagnostic& error =
      reporter_.error(name->span, fmt::format("macro '{}' is defined twice", name->text));
  reporter_.note(error, known->second.definition, "the first definition is here");
}

/// Depth alone does not bound the work of macros that use each other twice; the line cap does.
bool Preprocessor::deeper(Span span, std::size_t depth) {
  if (depth < Caps::kMacroDepth) return true;
  stop(span,
       fmt::format("macros are nested more than {} deep; does one use itself?", Caps::kMacroDepth));
  return false;
}

/// Arguments are text. The new lines know their use, so that diagnostics can point there.
void Preprocessor::use_macro(std::uint32_t line, const Head& head, const Macro& macro,
                             std::size_t depth) {
  const std::string_view rest = after(line, head.token);
  const std::vector<std::string_view> arguments = split_arguments(rest);
  const std::string_view used =
      trim(map_.line(line).text.substr(head.token.column, head.token.length + rest.size()));
  const Span use{line, head.token.column, static_cast<std::uint32_t>(used.size())};
  if (!deeper(use, depth)) return;
  if (arguments.size() != macro.parameters.size()) {
    Diagnostic& error = reporter_.error(
        use, fmt::format("macro '{}' takes {} argument{}, {} given", head.token.text,
                         macro.parameters.size(), macro.parameters.size() == 1 ? "" : "s",
                         arguments.size()));
    reporter_.note(error, macro.definition, "the macro is defined here");
    return;
  }
  const std::string unique = std::to_string(expansions_++);
  std::vector<Binding> bindings = {{"@", unique}};
  for (std::size_t i = 0; i < arguments.size(); ++i)
    bindings.push_back({macro.parameters[i], arguments[i]});
  std::vector<std::uint32_t> lines;
  for (const std::uint32_t body_line : macro.body) {
    Line made = map_.line(body_line);
    made.use = use;
    made.macro = head.token.text;
    if (!add_expanded(made, substitute(made.text, bindings), lines)) return;
  }
  expand(lines, depth + 1);
}

/// repeat ::= INTEGER ["," NAME]
void Preprocessor::repeat(std::uint32_t line, Lines body, std::size_t depth) {
  LineParser parser(line, map_.line(line).text, reporter_);
  parser.labels();
  parser.take();
  const auto count = parser.literal("the number of repetitions", 0,
                                    static_cast<std::int64_t>(Caps::kExpandedLines));
  if (!count) return;
  std::string_view counter = "i";
  if (parser.accept(",")) {
    const auto name = parser.name("the counter's name");
    if (!name) return;
    counter = name->text;
  }
  if (!parser.end_of_line() || body.empty() || !deeper({line, 0, 1}, depth)) return;
  for (std::int64_t i = 0; i < *count && !stopped_ && !reporter_.full(); ++i) {
    const std::string number = std::to_string(i);
    const Binding binding{counter, number};
    std::vector<std::uint32_t> lines;
    for (const std::uint32_t body_line : body) {
      const Line made = map_.line(body_line);
      if (!add_expanded(made, substitute(made.text, {&binding, 1}), lines)) return;
    }
    expand(lines, depth + 1);
  }
}

/// The same file may be included often, but not by itself.
void Preprocessor::include(std::uint32_t line, std::size_t depth) {
  LineParser parser(line, map_.line(line).text, reporter_);
  parser.labels();
  parser.take();
  const Span span = parser.here();
  const auto path = parser.string("a path in quotes");
  if (!path || !parser.end_of_line()) return;
  if (std::find(open_files_.begin(), open_files_.end(), *path) != open_files_.end()) {
    stop(span, fmt::format("'{}' includes itself", *path));
    return;
  }
  if (open_files_.size() > Caps::kIncludeDepth) {
    stop(span, fmt::format("files are included more than {} deep", Caps::kIncludeDepth));
    return;
  }
  if (!include_) {
    reporter_.error(span, "'.include' is not available here");
    return;
  }
  Result<std::string> text = include_(*path);
  if (!text) {
    reporter_.error(span, fmt::format("cannot include '{}': {}", *path, text.error().message));
    return;
  }
  if (text->size() > Caps::kSourceBytes || expanded_bytes_ + text->size() > Caps::kExpandedBytes) {
    stop(span, fmt::format("'{}' has {} bytes; a source has at most {}, all together {}", *path,
                           text->size(), Caps::kSourceBytes, Caps::kExpandedBytes));
    return;
  }
  const std::vector<std::uint32_t> lines = split({*path, *std::move(text)});
  open_files_.push_back(*path);
  expand(lines, depth);
  open_files_.pop_back();
}

/// Replaces `\name` and `\@` outside strings and comments; what is not bound stays (an inner
/// `.repeat` may bind it).
std::string Preprocessor::substitute(std::string_view text, std::span<const Binding> bindings) {
  std::string out;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ';' && quote == '\0') return out.append(text.substr(i));
    if (c == '\\' && quote != '\0') {
      out.append(text.substr(i++, 2));
      continue;
    }
    if (c != '\\') {
      if (quote == '\0' && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = '\0';
      }
      out += c;
      continue;
    }
    const bool unique = i + 1 < text.size() && text[i + 1] == '@';
    const std::string_view name =
        text.substr(i + 1, unique ? 1 : parameter_length(text.substr(i + 1)));
    const auto bound = std::find_if(bindings.begin(), bindings.end(),
                                    [&](const Binding& b) { return b.name == name; });
    if (name.empty() || bound == bindings.end()) {
      out += c;
      continue;
    }
    out += bound->text;
    i += name.size();
    if (out.size() > 2 * kLineBytes) return out;
  }
  return out;
}

}  // namespace pxos::assembler
