#pragma once
// A range of characters as sequences of byte ranges, so that a grammar can be matched byte by byte.
// Pure functions.

#include <cstdint>
#include <vector>

namespace pxos::text {

struct ByteRange {
  std::uint8_t low = 0;
  std::uint8_t high = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// One to four byte ranges: the UTF-8 of every character that has each byte in its range.
using ByteSequence = std::vector<ByteRange>;

struct CharacterRange {
  char32_t low = 0;
  char32_t high = 0;
};

/// Sequences that together match exactly the UTF-8 of the characters low to high (surrogates left
/// out). Requires: low <= high <= U+10FFFF.
[[nodiscard]] std::vector<ByteSequence> utf8_sequences(CharacterRange range);

/// `ranges` sorted and joined; with `negated` everything else up to U+10FFFF.
[[nodiscard]] std::vector<CharacterRange> normalise_ranges(std::vector<CharacterRange> ranges,
                                                           bool negated);

}  // namespace pxos::text
