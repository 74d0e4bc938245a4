#include "infinite_map/tile_manifest.hpp"

#include "pxvm/base/hash.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;

namespace {

TileManifest sample() {
  return {0x1122334455667788U, 3, {{{-2, 5}, 1, 0xAB}, {{0, 0}, 0, 0xCD}, {{0, 7}, 9, 0xEF}}};
}

/// The manifest with a changed byte and a checksum that is right again.
ByteVector resealed(const ByteVector& file) {
  const Bytes body = Bytes(file).first(file.size() - 8);
  ByteWriter out;
  out.bytes(body);
  out.u64(xxh3_64(body));
  return out.take();
}

}  // namespace

TEST_CASE("a manifest comes back as it was written", "[map]") {
  const auto parsed = parse_manifest(encode_manifest(sample()));
  REQUIRE(parsed);
  REQUIRE(parsed->store_id == sample().store_id);
  REQUIRE(parsed->generation == 3);
  REQUIRE(parsed->tiles == sample().tiles);
  REQUIRE(parse_manifest(encode_manifest({}))->tiles.empty());
}

TEST_CASE("version 1 of the manifest has these bytes", "[map]") {
  const ByteVector file = encode_manifest({2, 1, {{{-1, 3}, 4, 5}}});
  const ByteVector body{'P', 'X', 'T', 'M', 'A', 'N', 'I', 'F', 1, 0, 0, 0, 0, 1, 0, 0,  //
                        2,   0,   0,   0,   0,   0,   0,   0,   1, 0, 0, 0, 0, 0, 0, 0,  //
                        1,   0,   0,   0,   0,   0,   0,   0,                            //
                        255, 255, 255, 255, 255, 255, 255, 255, 3, 0, 0, 0, 0, 0, 0, 0,  //
                        4,   0,   0,   0,   0,   0,   0,   0,   5, 0, 0, 0, 0, 0, 0, 0};
  REQUIRE(Bytes(file).size() == body.size() + 8);
  REQUIRE(ByteVector(file.begin(), file.end() - 8) == body);
}

TEST_CASE("every truncated prefix, every flipped bit and extra bytes are refused", "[map]") {
  const ByteVector file = encode_manifest(sample());
  test::for_each_truncation(file, [](Bytes prefix) { REQUIRE_FALSE(parse_manifest(prefix)); });
  for (std::uint64_t bit = 0; bit < file.size() * 8; ++bit)
    REQUIRE_FALSE(parse_manifest(test::flip_bit(file, bit)));
  ByteVector longer = file;
  longer.push_back(0);
  REQUIRE_FALSE(parse_manifest(longer));
  const ByteVector page = encode_tile_header(77);
  REQUIRE(page.size() == kTileHeaderBytes);
  REQUIRE(*parse_tile_header(page) == 77);
  for (std::uint64_t bit = 0; bit < page.size() * 8; bit += 5)
    REQUIRE_FALSE(parse_tile_header(test::flip_bit(page, bit)));
  REQUIRE_FALSE(parse_tile_header(Bytes(page).first(page.size() - 1)));
}

TEST_CASE("a sealed first page with something behind the store id is refused", "[map]") {
  ByteVector page = encode_tile_header(77);
  page[1000] = 3;
  ByteWriter seal;
  seal.u64(xxh3_64(Bytes(page).first(page.size() - 8)));
  std::copy(seal.view().begin(), seal.view().end(), page.end() - 8);
  const auto parsed = parse_tile_header(page);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message == "tile file header: reserved byte 1000 is 3, expected 0");
}

TEST_CASE("a manifest that is sealed but wrong is refused by what is wrong", "[map]") {
  const auto message = [](TileManifest manifest) {
    return parse_manifest(encode_manifest(manifest)).error().message;
  };
  TileManifest twice = sample();
  twice.tiles[1].slot = 1;
  REQUIRE(message(twice).find("slot 1 is used twice") != std::string::npos);
  TileManifest disorder = sample();
  std::swap(disorder.tiles[0], disorder.tiles[1]);
  REQUIRE(message(disorder).find("not after") != std::string::npos);
  TileManifest far = sample();
  far.tiles[2].tile.y = kMaxTileCoord;
  REQUIRE(message(far).find("outside the plane") != std::string::npos);

  ByteVector version = encode_manifest(sample());
  version[8] = 2;
  REQUIRE(parse_manifest(version).error().code == Errc::kUnsupported);
  ByteVector side = encode_manifest(sample());
  side[13] = 2;
  REQUIRE(parse_manifest(resealed(side)).error().code == Errc::kUnsupported);
  ByteVector count = encode_manifest(sample());
  count[38] = 1;  // 2^48 more tiles than there are bytes for
  REQUIRE(parse_manifest(resealed(count)).error().code == Errc::kInvalid);
}
