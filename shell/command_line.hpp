#pragma once
// The grammar of a command line: a verb, then words or free text. Pure functions.
//
//   words  are separated by spaces; "..." keeps spaces, \" and \\ stand for themselves in it;
//          '...' keeps everything
//   script commands separated by ';' or line breaks outside quotes

#include "pxvm/base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pxos::shell {

struct VerbAndRest {
  std::string verb;
  std::string rest;  ///< without spaces at its ends
};
[[nodiscard]] VerbAndRest split_verb(std::string_view line);

/// Errors: kUsage for a quote that is never closed.
Result<std::vector<std::string>> split_words(std::string_view text);

/// Empty commands are dropped.
[[nodiscard]] std::vector<std::string> split_commands(std::string_view script);

/// Free text: what stands in the quotes when the whole is one quoted word, else the text as it is.
[[nodiscard]] std::string free_text(std::string_view text);

/// The word as split_words would read it back.
[[nodiscard]] std::string quote_word(std::string_view word);

}  // namespace pxos::shell
