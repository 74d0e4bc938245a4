#include "pxvm/text/jinja/lexer.hpp"

#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace pxos::text::jinja {
namespace {

/// Names are copied at run time, so their length bounds what a step costs.
constexpr std::size_t kMaxNameBytes = 256;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name(char c) {
  return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string normal_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

/// One pass over the source. at_ is the next byte, position_ its line and column; they move
/// together.
class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  // Text, then a marker with its inside, until the source ends.
  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) {
      const std::size_t marker = find_marker();
      add_text(marker);
      move_to(marker);
      if (marker == source_.size()) break;
      const char kind = source_[at_ + 1];
      if (kind == '#') {
        PX_CHECK(skip_comment());
      } else {
        PX_CHECK(marked(kind == '{'));
      }
    }
    add(Token::Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] std::size_t find_marker() const {
    for (std::size_t i = at_; i + 1 < source_.size(); ++i) {
      const char next = source_[i + 1];
      if (source_[i] == '{' && (next == '{' || next == '%' || next == '#')) return i;
    }
    return source_.size();
  }

  /// The text up to the marker, without what its whitespace control takes away.
  void add_text(std::size_t marker) {
    std::string_view text = source_.substr(at_, marker - at_);
    const bool at_marker = marker < source_.size();
    const char sign = marker + 2 < source_.size() ? source_[marker + 2] : ' ';
    if (at_marker && sign == '-') {
      while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    } else if (at_marker && source_[marker + 1] != '{' && sign != '+') {
      text = without_indent(text);
    }
    if (!text.empty()) add(Token::Kind::kText, std::string(text));
  }

  /// lstrip_blocks: blanks between the start of a line and a block or comment go.
  [[nodiscard]] std::string_view without_indent(std::string_view text) const {
    const std::size_t newline = text.rfind('\n');
    if (newline == text.npos && !line_starting_) return text;
    const std::size_t line = newline == text.npos ? 0 : newline + 1;
    const bool blank =
        std::all_of(text.begin() + static_cast<std::ptrdiff_t>(line), text.end(), is_space);
    return blank ? text.substr(0, line) : text;
  }

  Result<void> skip_comment() {
    const std::size_t end = source_.find("#}", at_ + 2);
    if (end == source_.npos) return error("comment is not closed");
    const char sign = source_[end - 1];
    const bool signed_end = end > at_ + 2 && (sign == '-' || sign == '+');
    move_to(end);
    finish_marker(signed_end ? sign : ' ', true);
    return {};
  }

  /// {{ ... }} or {% ... %}.
  Result<void> marked(bool output) {
    const Position opened = position_;
    add(output ? Token::Kind::kOutputBegin : Token::Kind::kBlockBegin, "");
    move_to(at_ + 2);
    if (at_ < source_.size() && (source_[at_] == '-' || source_[at_] == '+')) move_to(at_ + 1);
    const std::string_view close = output ? "}}" : "%}";
    int braces = 0;  // an open { } literal: its braces close nothing
    while (true) {
      while (at_ < source_.size() && is_space(source_[at_])) move_to(at_ + 1);
      if (at_ >= source_.size()) {
        position_ = opened;
        return error(output ? "'{{' is not closed" : "'{%' is not closed");
      }
      const char sign = source_[at_];
      const bool is_signed = sign == '-' || sign == '+';
      if (braces == 0 && source_.substr(at_ + (is_signed ? 1U : 0U), 2) == close) {
        add(output ? Token::Kind::kOutputEnd : Token::Kind::kBlockEnd, "");
        move_to(at_ + (is_signed ? 1U : 0U));
        finish_marker(is_signed ? sign : ' ', !output);
        return {};
      }
      braces += sign == '{' ? 1 : (sign == '}' ? -1 : 0);
      PX_CHECK(token());
    }
  }

  /// Goes past the two closing characters and what their sign or trim_blocks takes away.
  void finish_marker(char sign, bool trims) {
    std::size_t end = at_ + 2;
    if (sign == '-') {
      while (end < source_.size() && is_space(source_[end])) ++end;
    } else if (trims && sign != '+' && end < source_.size() && source_[end] == '\n') {
      ++end;
    }
    move_to(end);
    line_starting_ = source_[end - 1] == '\n';
  }

  // One token inside of a marker. Two-character operators come first: the longest match wins.
  Result<void> token() {
    const char c = source_[at_];
    if (is_digit(c)) return number();
    if (is_name(c)) {
      std::size_t end = at_;
      while (end < source_.size() && is_name(source_[end])) ++end;
      if (end - at_ > kMaxNameBytes) return error("name is too long");
      take(Token::Kind::kName, end);
      return {};
    }
    if (c == '\'' || c == '"') return string();
    for (const std::string_view two : {"==", "!=", "<=", ">=", "//", "**"}) {
      if (source_.substr(at_, 2) == two) {
        take(Token::Kind::kOperator, at_ + 2);
        return {};
      }
    }
    if (std::string_view("+-*/%~<>=()[]{},.:|").find(c) == std::string_view::npos)
      return error("unexpected character");
    take(Token::Kind::kOperator, at_ + 1);
    return {};
  }

  // Digits with a point and digits behind it are a float; "1.x" is the integer 1 and an attribute.
  Result<void> number() {
    std::size_t end = at_;
    while (end < source_.size() && is_digit(source_[end])) ++end;
    const bool real = end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1]);
    if (real) {
      ++end;
      while (end < source_.size() && is_digit(source_[end])) ++end;
    }
    take(real ? Token::Kind::kFloat : Token::Kind::kInteger, end);
    return {};
  }

  // A string may go over line ends; both quotes work.
  Result<void> string() {
    const char quote = source_[at_];
    std::string value;
    for (std::size_t i = at_ + 1; i < source_.size(); ++i) {
      if (source_[i] == quote) {
        add(Token::Kind::kString, std::move(value));
        move_to(i + 1);
        return {};
      }
      if (source_[i] == '\\' && i + 1 < source_.size()) {
        i = escape(i + 1, value);
      } else {
        value.push_back(source_[i]);
      }
    }
    return error("string is not closed");
  }

  /// Appends what the escape at `i` (after the backslash) means; returns its last index. As in
  /// Python, an unknown escape keeps its backslash.
  std::size_t escape(std::size_t i, std::string& value) const {
    constexpr std::string_view kLetters = "ntrbf\\'\"";
    constexpr std::string_view kMeanings = "\n\t\r\b\f\\'\"";
    const std::size_t simple = kLetters.find(source_[i]);
    if (simple != kLetters.npos) {
      value.push_back(kMeanings[simple]);
      return i;
    }
    if (source_[i] == '\n') return i;
    const std::size_t digits = source_[i] == 'x' ? 2 : (source_[i] == 'u' ? 4 : 0);
    std::uint32_t code = 0;
    const std::string_view hex = source_.substr(i + 1, digits);
    const auto parsed = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (digits == 0 || parsed.ptr != hex.data() + digits || surrogate) {
      value.push_back('\\');
      value.push_back(source_[i]);
      return i;
    }
    append_utf8(value, static_cast<char32_t>(code));
    return i + digits;
  }

  void take(Token::Kind kind, std::size_t end) {
    add(kind, std::string(source_.substr(at_, end - at_)));
    move_to(end);
  }

  void add(Token::Kind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), position_});
  }

  void move_to(std::size_t end) {
    for (; at_ < end; ++at_) {
      position_.column += 1;
      if (source_[at_] == '\n') position_ = {position_.line + 1, 1};
    }
  }

  [[nodiscard]] tl::unexpected<Error> error(std::string_view what) const {
    return fail(Errc::kInvalid, "{}:{}: {}", position_.line, position_.column, what);
  }

  std::string_view source_;
  std::size_t at_ = 0;
  Position position_;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  const std::string text = normal_newlines(source);
  return Lexer(text).run();
}

}  // namespace pxos::text::jinja
