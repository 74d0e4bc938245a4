#pragma once
// Damaged copies of an input, for tests of parsers: every prefix, and deterministic mutations.

#include "pxvm/base/bytes.hpp"

#include <cstdint>

namespace pxos::test {

/// Calls check(prefix) for every length in [0, input.size()). Each prefix is a fresh heap buffer of
/// exactly that length, so that AddressSanitizer sees the first byte read past it.
template <class Check>
void for_each_truncation(Bytes input, Check&& check) {
  for (std::size_t length = 0; length < input.size(); ++length) {
    const ByteVector prefix(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(length));
    check(Bytes(prefix));
  }
}

/// Mutation `number` of `input`, a pure function of both: 1 to 8 edits, each a bit flip, a byte set
/// to a boundary value, a small add, a cut, an insertion, or a copied block.
[[nodiscard]] ByteVector mutate(Bytes input, std::uint64_t number);

/// `input` with one bit inverted; `bit` counts from bit 0 of byte 0 and wraps around.
[[nodiscard]] ByteVector flip_bit(Bytes input, std::uint64_t bit);

}  // namespace pxos::test
