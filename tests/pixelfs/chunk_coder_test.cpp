#include "pixelfs/chunk_coder.hpp"

#include "tests/pixelfs/volume_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::ChunkCoder;
using pixelfs::ChunkCoding;

namespace {
constexpr std::array kCodings{ChunkCoding::kNone, ChunkCoding::kZstd, ChunkCoding::kPaletteDelta};
}

TEST_CASE("every coding gives back what went in and never grows", "[pixelfs]") {
  ChunkCoder coder;
  for (const ChunkCoding coding : kCodings) {
    for (const ByteVector& raw : {test::random_bytes(3000, 1), test::prose(3000),
                                  test::walk(3000, 2), ByteVector{1}, ByteVector(48000, 0)}) {
      const auto stored = coder.encode(coding, raw);
      REQUIRE(stored);
      CHECK(stored->size() <= raw.size());
      ByteVector back(raw.size());
      REQUIRE(coder.decode(coding, *stored, back));
      CHECK(back == raw);
    }
  }
}

TEST_CASE("each coding gains where it should", "[pixelfs]") {
  ChunkCoder coder;
  const ByteVector prose = test::prose(4000);
  const ByteVector walk = test::walk(4000, 2);
  CHECK(coder.encode(ChunkCoding::kZstd, prose)->size() < 1000);
  CHECK(coder.encode(ChunkCoding::kPaletteDelta, walk)->size() < 1600);
  CHECK(coder.encode(ChunkCoding::kNone, prose)->size() == prose.size());
}

TEST_CASE("decode refuses truncated, damaged and oversized stored forms", "[pixelfs]") {
  ChunkCoder coder;
  const ByteVector raw = test::prose(600);
  const ByteVector stored = *coder.encode(ChunkCoding::kZstd, raw);
  ByteVector out(raw.size());
  test::for_each_truncation(
      stored, [&](Bytes prefix) { CHECK_FALSE(coder.decode(ChunkCoding::kZstd, prefix, out)); });
  ByteVector shorter(raw.size() - 1);
  CHECK_FALSE(coder.decode(ChunkCoding::kZstd, stored, shorter));
  ByteVector longer(raw.size() + 1);
  CHECK_FALSE(coder.decode(ChunkCoding::kZstd, stored, longer));
  CHECK_FALSE(coder.decode(ChunkCoding::kNone, stored, out));
  CHECK_FALSE(coder.decode(ChunkCoding::kNone, raw, shorter));
  for (std::uint64_t n = 0; n < 300; ++n) {  // any outcome but a crash
    static_cast<void>(coder.decode(ChunkCoding::kZstd, test::mutate(stored, n), out));
  }
}

TEST_CASE("coding names are for people", "[pixelfs]") {
  CHECK(pixelfs::coding_name(ChunkCoding::kNone) == "none");
  CHECK(pixelfs::coding_name(ChunkCoding::kZstd) == "zstd");
  CHECK(pixelfs::coding_name(ChunkCoding::kPaletteDelta) == "palette-delta");
}
