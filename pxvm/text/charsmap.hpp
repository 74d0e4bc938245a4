#pragma once
// SentencePiece's compiled character map: a double-array trie of spellings, each with the text that
// replaces it. Immutable after parse; keeps a copy of nothing (the bytes must outlive it).
//
// The bytes, little-endian: u32 size of the trie, the trie's u32 units, then zero-terminated texts.
// A unit: bits 0-7 label, 8 has a value, 9 offset is times 256, 10-31 offset; a value unit has bit
// 31 and the offset of its text in the others.

#include "pxvm/base/bytes.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pxos::text {

class Charsmap {
 public:
  /// Errors: kInvalid naming the sizes that disagree.
  static Result<Charsmap> parse(Bytes map);

  /// `utf8` with the longest known spelling at each place replaced, from left to right. Work is
  /// bounded by kMaxSpellingBytes steps a byte.
  [[nodiscard]] std::string apply(std::string_view utf8) const;

 private:
  static constexpr std::size_t kMaxSpellingBytes = 64;
  struct Match {
    std::size_t length = 0;  ///< 0 = none
    std::string_view text;
  };
  Charsmap() = default;
  [[nodiscard]] Match longest(std::string_view text) const;
  [[nodiscard]] std::string_view replacement(std::uint32_t offset) const;

  std::vector<std::uint32_t> units_;
  std::string_view texts_;
};

}  // namespace pxos::text
