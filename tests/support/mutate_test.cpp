#include "tests/support/mutate.hpp"

#include <set>

#include <catch2/catch.hpp>

using pxos::ByteVector;

TEST_CASE("Mutations are reproducible, different from each other and from the seed", "[support]") {
  const ByteVector seed(100, 0x11);
  std::set<ByteVector> seen;
  std::size_t unchanged = 0;
  for (std::uint64_t number = 0; number < 500; ++number) {
    const ByteVector mutated = pxos::test::mutate(seed, number);
    CHECK(mutated == pxos::test::mutate(seed, number));
    unchanged += static_cast<std::size_t>(mutated == seed);
    seen.insert(mutated);
  }
  // Copying a block inside equal bytes changes nothing; almost every other edit does.
  CHECK(unchanged < 50);
  CHECK(seen.size() > 400);
}

TEST_CASE("An empty seed can be mutated", "[support]") {
  CHECK_FALSE(pxos::test::mutate({}, 3).empty());
}

TEST_CASE("flip_bit inverts exactly one bit", "[support]") {
  const ByteVector seed(2, 0x00);
  CHECK(pxos::test::flip_bit(seed, 9) == ByteVector{0x00, 0x02});
  CHECK(pxos::test::flip_bit(seed, 16) == ByteVector{0x01, 0x00});
  CHECK(pxos::test::flip_bit({}, 5).empty());
}
