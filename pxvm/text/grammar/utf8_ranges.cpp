#include "pxvm/text/grammar/utf8_ranges.hpp"

#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace pxos::text {
namespace {

constexpr char32_t kLast = 0x10FFFF;
/// Last character of each length, and the surrogates' place.
constexpr std::array<char32_t, 4> kLastOfLength = {0x7F, 0x7FF, 0xFFFF, kLast};
constexpr char32_t kFirstSurrogate = 0xD800;
constexpr char32_t kLastSurrogate = 0xDFFF;

/// Characters of one length. Where the low six bits (or twelve, ...) do not run through whole
/// blocks, the range is cut so that they do; then each byte runs on its own.
void add_same_length(char32_t low, char32_t high, std::vector<ByteSequence>& out) {
  for (unsigned bits = 6; bits <= 18; bits += 6) {
    const char32_t mask = (1U << bits) - 1U;
    if ((low & ~mask) == (high & ~mask)) break;
    if ((low & mask) != 0) {
      add_same_length(low, low | mask, out);
      return add_same_length((low | mask) + 1, high, out);
    }
    if ((high & mask) != mask) {
      add_same_length(low, (high & ~mask) - 1, out);
      return add_same_length(high & ~mask, high, out);
    }
  }
  std::string first;
  std::string last;
  append_utf8(first, low);
  append_utf8(last, high);
  ByteSequence sequence;
  for (std::size_t i = 0; i < first.size(); ++i)
    sequence.push_back({static_cast<std::uint8_t>(first[i]), static_cast<std::uint8_t>(last[i])});
  out.push_back(std::move(sequence));
}

void add_range(char32_t low, char32_t high, std::vector<ByteSequence>& out) {
  char32_t from = low;
  for (const char32_t last : kLastOfLength) {
    if (from > high) return;
    if (from > last) continue;
    const char32_t to = std::min(high, last);
    add_same_length(from, to, out);
    from = to + 1;
  }
}

}  // namespace

std::vector<ByteSequence> utf8_sequences(CharacterRange range) {
  std::vector<ByteSequence> out;
  if (range.low < kFirstSurrogate)
    add_range(range.low, std::min(range.high, static_cast<char32_t>(kFirstSurrogate - 1)), out);
  if (range.high > kLastSurrogate)
    add_range(std::max(range.low, static_cast<char32_t>(kLastSurrogate + 1)), range.high, out);
  return out;
}

std::vector<CharacterRange> normalise_ranges(std::vector<CharacterRange> ranges, bool negated) {
  std::sort(ranges.begin(), ranges.end(),
            [](const CharacterRange& a, const CharacterRange& b) { return a.low < b.low; });
  std::vector<CharacterRange> joined;
  for (const CharacterRange& range : ranges) {
    if (!joined.empty() && range.low <= joined.back().high + 1) {
      joined.back().high = std::max(joined.back().high, range.high);
    } else {
      joined.push_back(range);
    }
  }
  if (!negated) return joined;
  std::vector<CharacterRange> gaps;
  char32_t from = 0;
  for (const CharacterRange& range : joined) {
    if (range.low > from) gaps.push_back({from, range.low - 1});
    from = range.high + 1;
  }
  if (from <= kLast) gaps.push_back({from, kLast});
  return gaps;
}

}  // namespace pxos::text
