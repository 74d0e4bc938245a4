#include "pxvm/text/grammar/utf8_ranges.hpp"

#include "pxvm/text/utf8.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

bool matches(const std::vector<ByteSequence>& sequences, char32_t code) {
  std::string bytes;
  append_utf8(bytes, code);
  for (const ByteSequence& sequence : sequences) {
    bool all = sequence.size() == bytes.size();
    for (std::size_t i = 0; all && i < bytes.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(bytes[i]);
      all = byte >= sequence[i].low && byte <= sequence[i].high;
    }
    if (all) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("byte sequences match exactly the characters of their range", "[grammar]") {
  const std::vector<CharacterRange> ranges = {
      {0, 0x10FFFF},   {'a', 'z'},       {0x7F, 0x80},      {0x100, 0x17F},   {0x7FF, 0x800},
      {0xFFF, 0x1FFF}, {0xD000, 0xE100}, {0xFFFF, 0x10000}, {0x3042, 0x3042}, {0x1F600, 0x10FFFE}};
  for (const CharacterRange& range : ranges) {
    const auto sequences = utf8_sequences(range);
    std::size_t wrong = 0;
    for (char32_t code = 0; code <= 0x10FFFF; code += 7) {
      if (code >= 0xD800 && code <= 0xDFFF) continue;
      wrong += matches(sequences, code) != (code >= range.low && code <= range.high) ? 1U : 0U;
    }
    for (const char32_t code : {range.low, range.high}) wrong += matches(sequences, code) ? 0U : 1U;
    CHECK(wrong == 0);
  }
}

TEST_CASE("ranges are joined, and negated to their gaps", "[grammar]") {
  const auto joined = normalise_ranges({{'m', 'z'}, {'a', 'c'}, {'d', 'f'}, {'b', 'b'}}, false);
  REQUIRE(joined.size() == 2);
  CHECK((joined[0].low == 'a' && joined[0].high == 'f'));
  const auto gaps = normalise_ranges({{'b', 0x10FFFF}}, true);
  REQUIRE(gaps.size() == 1);
  CHECK((gaps[0].low == 0 && gaps[0].high == 'a'));
  CHECK(normalise_ranges({}, true).size() == 1);
  CHECK(normalise_ranges({{0, 0x10FFFF}}, true).empty());
}
