#include "assembler/formatter.hpp"

#include "assembler/lexer.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace pxos::assembler {
namespace {

constexpr std::size_t kIndent = 4;
/// Operands begin this far behind the start of their instruction.
constexpr std::size_t kOperandColumn = 10;
/// Comments behind code begin here, or further right where the code is longer.
constexpr std::size_t kCommentColumn = 42;
/// One line that is longer does not push the comments of its neighbours out of sight.
constexpr std::size_t kFarthestComment = 82;

/// Directives that belong to the code of an entry and are indented with it.
constexpr std::array<std::string_view, 6> kInCode = {"reg",    "require", "repeat",
                                                     "assert", "endr",    "include"};
/// Directives whose first colon parts a name from its type.
constexpr std::array<std::string_view, 8> kTyped = {"param", "const", "import", "region",
                                                    "temp",  "view",  "input",  "output"};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

template <std::size_t n>
bool is_one_of(std::string_view word, const std::array<std::string_view, n>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Bytes of a quoted piece at the front of `text`, its quotes included; to the end when it is not
/// closed.
std::size_t quoted_length(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size() && text[at] != text[0]) at += text[at] == '\\' ? 2U : 1U;
  return std::min(at + 1, text.size());
}

/// Columns that the text takes on a screen.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// Runs of blanks become one, blanks in front of commas none, behind them one. `colon` gives the
/// first colon a blank on both sides (a declaration); other colons are left.
std::string tidy(std::string_view text, bool colon) {
  std::string out;
  text = trim(text);
  while (!text.empty()) {
    const char c = text[0];
    if (c == '"' || c == '\'' || c == '`') {
      const std::size_t length = quoted_length(text);
      out += text.substr(0, length);
      text.remove_prefix(length);
      continue;
    }
    const bool mark = c == ',' || (c == ':' && colon);
    if (mark || is_blank(c)) text.remove_prefix(1);
    if (mark) text = text.substr(std::min(text.size(), text.find_first_not_of(" \t\r")));
    if (is_blank(c)) {
      text = trim(text);
      const bool joins = text.empty() || text[0] == ',' || (text[0] == ':' && colon);
      if (!joins) out += ' ';
    } else if (c == ',') {
      out += text.empty() ? "," : ", ";
    } else if (mark) {
      out += text.empty() ? " :" : " : ";
      colon = false;
    } else {
      out += c;
      text.remove_prefix(1);
    }
  }
  return out;
}

/// A line in parts, each without the blanks around it.
struct Parts {
  std::vector<std::string_view> labels;  ///< with their colons
  std::string_view head;                 ///< instruction, macro, or directive with its dot
  std::string_view rest;
  std::string_view comment;  ///< with its semicolon
};

/// Length of a name, a local name or a macro's `\a` at the front of `text`.
std::size_t word_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() &&
         (is_name_char(text[length]) || text[length] == '\\' || text[length] == '@'))
    ++length;
  return length;
}

Parts split(std::string_view line) {
  Parts out;
  const std::size_t code = comment_start(line);
  out.comment = trim(line.substr(code));
  std::string_view text = trim(line.substr(0, code));
  for (;;) {
    const std::size_t length = word_length(text);
    // A label's colon touches its name.
    if (length == 0 || length >= text.size() || text[length] != ':') break;
    out.labels.push_back(text.substr(0, length + 1));
    text = trim(text.substr(length + 1));
  }
  const std::size_t length = word_length(text);
  out.head = text.substr(0, length);
  out.rest = trim(text.substr(length));
  return out;
}

/// A line as it will stand, the comment apart until its column is known.
struct Laid {
  std::string code;
  std::string comment;
  std::size_t comment_stood = 0;  ///< its column in the text as it was; 0 = cannot be kept
};

class Formatter {
 public:
  std::string run(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    while (!lines_.empty() && is_empty(lines_.back())) lines_.pop_back();
    return written();
  }

 private:
  static bool is_empty(const Laid& line) { return line.code.empty() && line.comment.empty(); }

  [[nodiscard]] std::size_t indent() const {
    return (in_entry_ || macros_ > 0 ? kIndent : 0) + repeats_ * kIndent;
  }

  /// Where a statement begins; blocks open behind their first line and close before their last.
  std::size_t place(std::string_view head) {
    if (!head.starts_with('.')) return std::max(indent(), kIndent);
    const std::string_view word = head.substr(1);
    if (word == "endr" && repeats_ > 0) --repeats_;
    if (word == "endm" && macros_ > 0) --macros_;
    if (word == "entry" || word == "func") in_entry_ = true;
    const std::size_t column =
        is_one_of(word, kInCode) || macros_ > 0 || repeats_ > 0 ? indent() : 0;
    if (word == "repeat") ++repeats_;
    if (word == "macro") ++macros_;
    return column;
  }

  void line(std::string_view text) {
    const Parts parts = split(text);
    if (parts.labels.empty() && parts.head.empty() && parts.rest.empty()) {
      blank_or_comment(text, parts.comment);
      return;
    }
    std::string code;
    for (const std::string_view label : parts.labels) {
      code += code.empty() ? "" : " ";
      code += label;
    }
    if (!parts.head.empty() || !parts.rest.empty()) statement(parts, code);
    const std::string_view before = text.substr(0, comment_start(text));
    const bool tabs = before.find('\t') != std::string_view::npos;
    lines_.push_back({std::move(code), std::string(parts.comment), tabs ? 0 : width_of(before)});
  }

  void statement(const Parts& parts, std::string& code) {
    const std::size_t column = place(parts.head);
    const bool labelled = !code.empty();
    code.resize(std::max(code.size() + (labelled ? 1U : 0U), column), ' ');
    const std::size_t start = code.size();
    code += parts.head;
    if (parts.rest.empty()) return;
    const bool directive = parts.head.starts_with('.');
    // What begins with no word is no statement that we know: left as it is.
    const bool strange = parts.head.empty();
    if (!directive && !strange) code.resize(std::max(code.size() + 1, start + kOperandColumn), ' ');
    if (directive) code += ' ';
    const bool typed = directive && is_one_of(parts.head.substr(1), kTyped);
    code += strange ? std::string(parts.rest) : tidy(parts.rest, typed);
  }

  /// A comment of its own keeps to the margin when it stood there, else it goes with the code.
  void blank_or_comment(std::string_view text, std::string_view comment) {
    if (comment.empty()) {
      if (!lines_.empty() && !is_empty(lines_.back())) lines_.push_back({});
      return;
    }
    const bool margin = text.starts_with(';') || indent() == 0;
    lines_.push_back({(margin ? "" : std::string(indent(), ' ')) + std::string(comment), {}, 0});
  }

  /// True when the comments of a run stand in one column already, with room for the code.
  [[nodiscard]] bool is_aligned(std::size_t first, std::size_t end) const {
    return std::all_of(lines_.begin() + static_cast<std::ptrdiff_t>(first),
                       lines_.begin() + static_cast<std::ptrdiff_t>(end), [&](const Laid& laid) {
                         return laid.comment_stood == lines_[first].comment_stood &&
                                laid.comment_stood >= width_of(laid.code) + 2;
                       });
  }

  /// The column of the comments of the run of commented lines from `first` to `end`.
  [[nodiscard]] std::size_t comment_column(std::size_t first, std::size_t end) const {
    if (first < end && is_aligned(first, end)) return lines_[first].comment_stood;
    std::size_t column = kCommentColumn;
    for (std::size_t i = first; i < end; ++i) {
      const std::size_t needed = width_of(lines_[i].code) + 2;
      if (needed <= kFarthestComment) column = std::max(column, needed);
    }
    return column;
  }

  std::string written() {
    std::string out;
    for (std::size_t i = 0; i < lines_.size();) {
      std::size_t end = i;
      while (end < lines_.size() && !lines_[end].comment.empty()) ++end;
      const std::size_t column = comment_column(i, end);
      for (end = std::max(end, i + 1); i < end; ++i) {
        const Laid& laid = lines_[i];
        out += laid.code;
        const std::size_t width = width_of(laid.code);
        if (!laid.comment.empty()) {
          out.append(std::max(column, width + 2) - width, ' ');
          out += laid.comment;
        }
        out += '\n';
      }
    }
    return out;
  }

  std::vector<Laid> lines_;
  bool in_entry_ = false;
  std::size_t macros_ = 0;
  std::size_t repeats_ = 0;
};

}  // namespace

std::string format(std::string_view text) {
  return Formatter().run(text);
}

}  // namespace pxos::assembler
