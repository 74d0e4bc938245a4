#include "cartridges/index.hpp"

#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using pxos::Bytes;
using pxos::ByteVector;
using pxos::cartridges::CartridgeIndex;
using pxos::cartridges::encode_index;
using pxos::cartridges::parse_index;

namespace {
constexpr CartridgeIndex kIndex{65536, 73828, 73728, 100, {0x0102030405060708, 0x1112131415161718}};
}

TEST_CASE("The index chunk's bytes are frozen", "[index]") {
  const ByteVector expected{
      1, 0, 0, 0, 0, 0, 0,    0, 0, 0, 1,    0,    0,    0,    0,    0,    0x64, 0x20, 1,
      0, 0, 0, 0, 0, 0, 0x20, 1, 0, 0, 0,    0,    0,    100,  0,    0,    0,    0,    0,
      0, 0, 8, 7, 6, 5, 4,    3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11};
  CHECK(encode_index(kIndex) == expected);
  const auto parsed = parse_index(expected);
  REQUIRE(parsed.has_value());
  CHECK(parsed->manifest_offset == kIndex.manifest_offset);
  CHECK(parsed->manifest_digest == kIndex.manifest_digest);
}

TEST_CASE("parse_index refuses what contradicts itself", "[index]") {
  const auto refused = [](auto change) {
    CartridgeIndex index = kIndex;
    change(index);
    return !parse_index(encode_index(index)).has_value();
  };
  CHECK(refused([](CartridgeIndex& i) { i.payload_start += 1; }));
  CHECK(refused([](CartridgeIndex& i) { i.manifest_offset += 8; }));
  CHECK(refused([](CartridgeIndex& i) { i.payload_start = 77824; }));
  CHECK(refused([](CartridgeIndex& i) { i.file_size += 1; }));
  CHECK(refused([](CartridgeIndex& i) { i.manifest_size = ~std::uint64_t{0}; }));
}

TEST_CASE("parse_index refuses other versions, flags, sizes and every prefix", "[index]") {
  ByteVector bytes = encode_index(kIndex);
  pxos::test::for_each_truncation(
      bytes, [](Bytes prefix) { REQUIRE_FALSE(parse_index(prefix).has_value()); });
  bytes.push_back(0);
  CHECK_FALSE(parse_index(bytes).has_value());
  bytes = encode_index(kIndex);
  bytes[0] = 2;
  CHECK(parse_index(bytes).error().code == pxos::Errc::kUnsupported);
  bytes[0] = 1;
  bytes[4] = 1;
  CHECK(parse_index(bytes).error().code == pxos::Errc::kUnsupported);
}
