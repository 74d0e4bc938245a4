#pragma once
// One line of text to tokens. Total: every byte string gives tokens, the last of which is kEnd;
// what is malformed becomes one kBad token that carries the reason, and lexing stops there.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::assembler {

enum class TokenKind : std::uint8_t {
  kEnd,
  kName,     ///< matmul, kv_k, i64.add, `r5` (quoted names may be register names)
  kDotName,  ///< .temp, .loop: text without the dot
  kInteger,  ///< 12, 0xff, 0b101, 'A'; magnitude up to 2^63, see `integer`
  kReal,     ///< 1e-5, 2.5, 0r3ff8000000000000 (bits of an f64)
  kString,   ///< text between the quotes, escapes not yet decoded
  kPunct,    ///< ( ) [ ] , : = + - * / % & ^ | << >> @ # -> .. <= >= == != < >
  kBad,      ///< text is the reason
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  std::uint64_t integer = 0;
  double real = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 0;
  bool quoted = false;
};

/// Tokens of `line` up to its end or comment. The views point into `line` (or at static text for
/// kBad).
[[nodiscard]] std::vector<Token> lex(std::string_view line);

/// Bytes meant by the inside of a string literal that lex() accepted.
[[nodiscard]] std::string decode_string(std::string_view literal);
/// Inverse: printable ASCII as it is, the rest escaped; without quotes.
[[nodiscard]] std::string encode_string(std::string_view bytes);

/// Offset of the comment that ends `line`, or its size; knows about strings.
[[nodiscard]] std::size_t comment_start(std::string_view line);

[[nodiscard]] bool is_name_start(char c);
[[nodiscard]] bool is_name_char(char c);
/// [A-Za-z_][A-Za-z0-9_.]*
[[nodiscard]] bool is_identifier(std::string_view text);

}  // namespace pxos::assembler
