#include "pxvm/text/charsmap.hpp"

#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using pxos::ByteVector;
using pxos::text::Charsmap;

namespace {

/// A double array made by hand. A unit's children stand at its own index ^ offset ^ label; the
/// value of a spelling at (index ^ offset). Here "A" becomes "a" and "AB" becomes "xyz".
ByteVector sample() {
  std::vector<std::uint32_t> units(256, 0);
  const auto offset = [](std::uint32_t value) { return value << 10U; };
  // Root at 0, offset 1: child 'A' (65) at 0 ^ 1 ^ 65 = 64.
  units[0] = offset(1);
  // Node "A" at 64, offset 4: value at 64 ^ 4 = 68, child 'B' (66) at 68 ^ 66 = 6.
  units[64] = offset(4) | (1U << 8U) | 65U;
  units[68] = 0x80000000U;  // text 0
  // Node "AB" at 6, offset 8: value at 6 ^ 8 = 14.
  units[6] = offset(8) | (1U << 8U) | 66U;
  units[14] = 0x80000002U;  // text at byte 2
  pxos::ByteWriter out;
  out.u32(static_cast<std::uint32_t>(units.size() * 4));
  for (const std::uint32_t unit : units) out.u32(unit);
  constexpr std::string_view kTexts("a\0xyz\0", 6);
  out.bytes(pxos::as_bytes(kTexts));
  return out.take();
}

}  // namespace

TEST_CASE("Charsmap replaces the longest spelling at each place", "[text]") {
  const ByteVector bytes = sample();
  const auto map = Charsmap::parse(bytes);
  REQUIRE(map);
  CHECK(map->apply("AABA") == "axyza");
  CHECK(map->apply("B\xC3\xA9") == "B\xC3\xA9");
  CHECK(map->apply("").empty());
}

TEST_CASE("Charsmap refuses sizes that do not fit", "[text]") {
  for (const ByteVector& bytes :
       {ByteVector{}, ByteVector{4, 0}, ByteVector{0, 0, 0, 0}, ByteVector{3, 0, 0, 0, 1, 2, 3},
        ByteVector{8, 0, 0, 0, 1, 2, 3, 4}}) {
    CHECK_FALSE(Charsmap::parse(bytes));
  }
}

TEST_CASE("Charsmap stays inside whatever its units say", "[text]") {
  const ByteVector bytes = sample();
  for (std::uint64_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const ByteVector damaged = pxos::test::flip_bit(bytes, bit);
    const auto map = Charsmap::parse(damaged);
    if (map) CHECK(map->apply("AAB").size() < 1000);
  }
}
