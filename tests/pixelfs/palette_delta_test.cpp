#include "pixelfs/chunk_coder.hpp"
#include "tests/pixelfs/volume_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::decode_palette_delta;
using pixelfs::encode_palette_delta;

namespace {

void check_round_trip(const ByteVector& raw, std::size_t most_bytes) {
  const ByteVector stored = encode_palette_delta(raw);
  REQUIRE_FALSE(stored.empty());
  CHECK(stored.size() <= most_bytes);
  ByteVector back(raw.size());
  REQUIRE(decode_palette_delta(stored, back));
  CHECK(back == raw);
}

}  // namespace

TEST_CASE("frozen bytes of palette-delta", "[pixelfs]") {
  // Over three bytes the differences are 6 6 4: two colours, one bit each.
  const ByteVector raw{10, 13, 16, 16, 19, 20};
  const ByteVector stored{3, 2, 4, 6, 10, 13, 16, 0b011};
  CHECK(encode_palette_delta(raw) == stored);
  ByteVector back(raw.size());
  REQUIRE(decode_palette_delta(stored, back));
  CHECK(back == raw);
}

TEST_CASE("palette-delta finds stride and palette of smooth data", "[pixelfs]") {
  check_round_trip(ByteVector(1000, 5), 4);  // one colour: no bits at all
  check_round_trip(test::walk(1000, 3), 2 + 8 + 1 + 375);
  ByteVector ramp;  // RGB gradient: the difference over three bytes is constant
  for (std::uint32_t i = 0; i < 300; ++i) {
    for (const std::uint32_t step : {1U, 2U, 7U})
      ramp.push_back(static_cast<std::uint8_t>(i * step));
  }
  check_round_trip(ramp, 2 + 3 + 3 + 225);
  for (std::size_t size = 1; size < 6; ++size) check_round_trip(test::walk(size, 9), 20);
  CHECK(encode_palette_delta(test::random_bytes(5000, 1)).empty());
}

TEST_CASE("palette-delta refuses every truncated prefix and extra bytes", "[pixelfs]") {
  const ByteVector raw = test::walk(100, 4);
  ByteVector stored = encode_palette_delta(raw);
  ByteVector back(raw.size());
  test::for_each_truncation(stored,
                            [&](Bytes prefix) { CHECK_FALSE(decode_palette_delta(prefix, back)); });
  stored.push_back(0);
  CHECK_FALSE(decode_palette_delta(stored, back));
}

TEST_CASE("palette-delta refuses what the encoder does not write", "[pixelfs]") {
  ByteVector two(2);
  const auto refused = [&](const ByteVector& stored) { return !decode_palette_delta(stored, two); };
  CHECK(decode_palette_delta(ByteVector{1, 2, 0, 1, 9, 1}, two));
  CHECK(refused({0, 2, 0, 1, 9, 1}));     // stride 0
  CHECK(refused({5, 1, 0, 9, 9}));        // stride 5
  CHECK(refused({1, 0, 9}));              // no colours
  CHECK(refused({1, 2, 1, 0, 9, 1}));     // descending palette
  CHECK(refused({1, 2, 1, 1, 9, 1}));     // double colour
  CHECK(refused({1, 3, 0, 1, 2, 9, 3}));  // colour 3 of 3
  CHECK(refused({1, 2, 0, 1, 9, 3}));     // bits after the last index
}
