#pragma once
// Template source to tokens, with whitespace control done: trim_blocks and lstrip_blocks are on,
// one newline at the end of the source is dropped, and every line ends in \n.

#include "pxvm/text/jinja/ast.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pxos::text::jinja {

struct Token {
  enum class Kind : std::uint8_t {
    kText,         ///< outside of any marker
    kOutputBegin,  ///< {{
    kOutputEnd,    ///< }}
    kBlockBegin,   ///< {%
    kBlockEnd,     ///< %}
    kName,
    kString,  ///< text holds the value
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text;
  Position at;
};

/// Ends with a kEnd token. Errors: kInvalid "line:column: what".
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace pxos::text::jinja
