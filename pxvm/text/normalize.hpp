#pragma once
// Unicode normalisation of text before it is tokenized. The only place that includes utf8proc.
// Pure functions; linear but for a sort within each run of combining marks.

#include "pxvm/text/vocabulary.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pxos::text {

/// `utf8` in the given form. Requires: valid UTF-8. Errors: kLimit when memory runs out.
Result<std::string> normalize(std::string_view utf8, Normalization form);

/// How WordPiece sees a character.
enum class CharacterClass : std::uint8_t {
  kWord,
  kSpace,
  kAlone,  ///< punctuation and CJK ideographs: a word of its own
};
[[nodiscard]] CharacterClass classify(char32_t code);

}  // namespace pxos::text
