#pragma once
// UTF-8 by the Unicode standard's table 3-7: no overlong forms, no surrogates, nothing above
// U+10FFFF. Pure functions.

#include <cstdint>
#include <string>
#include <string_view>

namespace pxos::text {

inline constexpr char32_t kReplacement = 0xFFFD;

/// What stands at the front of some bytes.
struct Utf8Step {
  enum class Kind : std::uint8_t { kCharacter, kInvalid, kIncomplete };
  Kind kind = Kind::kInvalid;
  char32_t code = kReplacement;
  std::size_t length = 1;  ///< bytes of the character, or of the maximal subpart that is invalid
};

/// kIncomplete: all of `bytes` is a proper prefix of some character. Requires: bytes not empty.
[[nodiscard]] Utf8Step utf8_step(std::string_view bytes);

[[nodiscard]] bool is_utf8(std::string_view bytes);

/// `bytes` with every maximal invalid subpart replaced by U+FFFD.
[[nodiscard]] std::string to_valid_utf8(std::string_view bytes);

/// Appends `code`. Requires: a scalar value (no surrogate, at most U+10FFFF).
void append_utf8(std::string& out, char32_t code);

/// Number of characters of valid UTF-8.
[[nodiscard]] std::size_t count_characters(std::string_view utf8);

}  // namespace pxos::text
