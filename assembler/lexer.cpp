#include "assembler/lexer.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <optional>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Value of a hexadecimal digit of either case.
std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// Value of the escape letter after a backslash, for the one-letter escapes.
std::optional<char> simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '0':
      return '\0';
    case '\\':
      return '\\';
    case '"':
      return '"';
    case '\'':
      return '\'';
    default:
      return std::nullopt;
  }
}

/// Bytes of the (possibly escaped) character at the front of `text`; 0 when the escape is
/// malformed.
std::size_t character_length(std::string_view text) {
  if (text.empty()) return 0;
  if (text[0] != '\\') return 1;
  if (text.size() >= 2 && simple_escape(text[1])) return 2;
  const bool hex = text.size() >= 4 && text[1] == 'x' && hex_digit(text[2]) && hex_digit(text[3]);
  return hex ? 4 : 0;
}

/// The byte meant by a character that character_length() accepted.
char character_value(std::string_view text) {
  if (text[0] != '\\') return text[0];
  if (text[1] != 'x') return *simple_escape(text[1]);
  return static_cast<char>(*hex_digit(text[2]) * 16 + *hex_digit(text[3]));
}

/// A cursor over one line. Each method reads one token that starts at the cursor.
class Lexer {
 public:
  explicit Lexer(std::string_view line) : line_(line) {}

  std::vector<Token> run() {
    while (skip_space()) {
      const std::size_t before = at_;
      Token token = next();
      token.column = static_cast<std::uint32_t>(before);
      token.length = static_cast<std::uint32_t>(std::max<std::size_t>(at_ - before, 1));
      tokens_.push_back(token);
      if (token.kind == TokenKind::kBad) break;
    }
    Token end;
    end.column = static_cast<std::uint32_t>(
        tokens_.empty() ? at_ : tokens_.back().column + tokens_.back().length);
    end.length = 1;
    tokens_.push_back(end);
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < line_.size() ? line_[at_ + ahead] : '\0';
  }

  /// False at the end of the line or at a comment.
  bool skip_space() {
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t' || line_[at_] == '\r'))
      ++at_;
    return at_ < line_.size() && line_[at_] != ';';
  }

  Token next() {
    const char c = peek();
    if (is_name_start(c)) return name(TokenKind::kName);
    if (c == '.' && is_name_start(peek(1))) {
      ++at_;
      return name(TokenKind::kDotName);
    }
    if (is_digit(c)) return number();
    if (c == '"') return string();
    if (c == '\'') return character();
    if (c == '`') return quoted_name();
    return punctuation();
  }

  /// A name ends before "..", so that `1..batch` and `n..m` are ranges.
  Token name(TokenKind kind) {
    const std::size_t start = at_;
    while (is_name_char(peek()) && !(peek() == '.' && peek(1) == '.')) ++at_;
    Token token;
    token.kind = kind;
    token.text = line_.substr(start, at_ - start);
    return token;
  }

  Token quoted_name() {
    const std::size_t close = line_.find('`', at_ + 1);
    if (close == std::string_view::npos) return bad("a name in back-quotes is not closed");
    Token token;
    token.kind = TokenKind::kName;
    token.text = line_.substr(at_ + 1, close - at_ - 1);
    token.quoted = true;
    at_ = close + 1;
    if (!is_identifier(token.text))
      return bad("back-quotes hold a name: letters, digits, '_' and '.'");
    return token;
  }

  Token number() {
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'b' || peek(1) == 'r'))
      return prefixed_number();
    const std::size_t start = at_;
    bool real = false;
    while (is_digit(peek())) ++at_;
    if (peek() == '.' && peek(1) != '.') {
      real = true;
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      real = true;
      at_ += (peek(1) == '+' || peek(1) == '-') ? 2U : 1U;
      while (is_digit(peek())) ++at_;
    }
    if (is_name_char(peek()) && peek() != '.')
      return bad("a name cannot start with a digit, and this is no number");
    const std::string_view text = line_.substr(start, at_ - start);
    return real ? real_value(text) : integer_value(text, 10);
  }

  Token prefixed_number() {
    const char prefix = peek(1);
    at_ += 2;
    const std::size_t start = at_;
    while (is_name_char(peek()) && peek() != '.') ++at_;
    const std::string_view digits = line_.substr(start, at_ - start);
    if (prefix != 'r') return integer_value(digits, prefix == 'x' ? 16 : 2);
    Token token = integer_value(digits, 16);
    if (token.kind == TokenKind::kBad || digits.size() != 16)
      return bad("0r needs the 16 hex digits of an f64");
    token.kind = TokenKind::kReal;
    token.real = std::bit_cast<double>(token.integer);
    return token;
  }

  Token integer_value(std::string_view digits, int base) {
    Token token;
    token.kind = TokenKind::kInteger;
    const char* end = digits.data() + digits.size();
    const auto [stop, status] = std::from_chars(digits.data(), end, token.integer, base);
    if (status == std::errc::result_out_of_range) return bad("this integer does not fit 64 bits");
    if (status != std::errc{} || stop != end) return bad("this is no number");
    return token;
  }

  Token real_value(std::string_view text) {
    Token token;
    token.kind = TokenKind::kReal;
    const char* end = text.data() + text.size();
    const auto [stop, status] = std::from_chars(text.data(), end, token.real);
    if (status == std::errc::result_out_of_range) return bad("this number does not fit an f64");
    if (status != std::errc{} || stop != end) return bad("this is no number");
    return token;
  }

  Token string() {
    const std::size_t start = ++at_;
    while (at_ < line_.size() && line_[at_] != '"') {
      const std::size_t length = character_length(line_.substr(at_));
      if (length == 0)
        return bad("unknown escape; there are \\n \\t \\r \\0 \\\\ \\\" \\' and \\xNN");
      at_ += length;
    }
    if (at_ >= line_.size()) return bad("this string is not closed on its line");
    Token token;
    token.kind = TokenKind::kString;
    token.text = line_.substr(start, at_ - start);
    ++at_;
    return token;
  }

  Token character() {
    const std::size_t length = character_length(line_.substr(at_ + 1));
    if (length == 0 || peek(1 + length) != '\'')
      return bad("a character is one byte between single quotes");
    Token token;
    token.kind = TokenKind::kInteger;
    token.integer = static_cast<std::uint8_t>(character_value(line_.substr(at_ + 1)));
    at_ += length + 2;
    return token;
  }

  Token punctuation() {
    static constexpr std::array<std::string_view, 28> kMarks = {
        "->", "..", "<<", ">>", "<=", ">=", "==", "!=", "<", ">", "(", ")", "[", "]",
        ",",  ":",  "=",  "+",  "-",  "*",  "/",  "%",  "&", "^", "|", "@", "#", "."};
    for (const std::string_view mark : kMarks) {
      if (!line_.substr(at_).starts_with(mark)) continue;
      at_ += mark.size();
      Token token;
      token.kind = TokenKind::kPunct;
      token.text = mark;
      return token;
    }
    const std::size_t start = at_++;
    while (at_ < line_.size() && (static_cast<unsigned char>(line_[at_]) & 0xC0U) == 0x80U) ++at_;
    if (line_[start] == '\\') {
      while (is_name_char(peek())) ++at_;
    }
    return bad(line_[start] == '\\'
                   ? "a backslash names a parameter of the macro; there is none of this name here"
                   : "this character means nothing here");
  }

  static Token bad(std::string_view reason) {
    Token token;
    token.kind = TokenKind::kBad;
    token.text = reason;
    return token;
  }

  std::string_view line_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view line) {
  return Lexer(line).run();
}

std::string decode_string(std::string_view literal) {
  std::string out;
  while (!literal.empty()) {
    const std::size_t length = character_length(literal);
    if (length == 0) break;  // not accepted by lex(): nothing sensible follows
    out += character_value(literal);
    literal.remove_prefix(length);
  }
  return out;
}

std::string encode_string(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte >= 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::size_t comment_start(std::string_view line) {
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != '\0' && c == '\\') {
      ++i;
    } else if (quote != '\0') {
      quote = c == quote ? '\0' : quote;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == ';') {
      return i;
    }
  }
  return line.size();
}

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c) || c == '.';
}

bool is_identifier(std::string_view text) {
  if (text.empty() || !is_name_start(text[0])) return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (!is_name_char(text[i])) return false;
  }
  return true;
}

}  // namespace pxos::assembler
