#pragma once
// A context-free grammar over bytes, made from GBNF text. Immutable; thread-safe.
//
//   rule    ::= name "::=" alternatives             one rule a line; `root` is where texts start
//   text        "abc" with \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH
//   class       [a-z0-9_] [^"\\] and . for any character
//   item        text | class | name | ( alternatives ), then * + ? {m} {m,} {,n} {m,n}
//   comments    # to the end of the line; newlines are free inside parentheses and after ::= and |
//
// Refused: rules without a definition or defined twice, left recursion (a rule that can stand at
// its own beginning), and what exceeds the limits below.

#include "pxvm/base/result.hpp"

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pxos::text {

/// One symbol of an alternative. Alternatives lie one after the other, each closed by kEnd.
struct GrammarElement {
  enum class Kind : std::uint8_t { kEnd, kBytes, kRule };
  Kind kind = Kind::kEnd;
  std::uint32_t index = 0;  ///< of a byte set or a rule
};

struct Grammar {
  static constexpr std::size_t kMaxSourceBytes = std::size_t{1} << 20U;
  static constexpr std::size_t kMaxElements = std::size_t{1} << 18U;
  static constexpr std::uint32_t kMaxRepeats = 4096;
  static constexpr std::size_t kMaxNesting = 64;

  std::vector<GrammarElement> elements;
  std::vector<std::bitset<256>> byte_sets;
  std::vector<std::vector<std::uint32_t>> rules;  ///< first element of each alternative
  std::uint32_t root = 0;                         ///< rule

  /// Errors: kInvalid "line:column: what", kLimit.
  static Result<Grammar> parse(std::string_view gbnf);
};

}  // namespace pxos::text
