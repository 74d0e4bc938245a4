#include "pxvm/base/hash.hpp"

#include <catch2/catch.hpp>

using pxos::as_bytes;
using pxos::ByteVector;

TEST_CASE("The digests are the published ones", "[base]") {
  // From the XXH3 and BLAKE3 reference implementations.
  CHECK(pxos::xxh3_64({}) == 0x2d06800538d394c2ULL);
  CHECK(pxos::to_hex(pxos::xxh3_128({})) == "99aa06d3014798d86001c324468d497f");
  CHECK(pxos::to_hex(pxos::blake3({})) ==
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  CHECK(pxos::to_hex(pxos::blake3(as_bytes("abc"))) ==
        "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
}

TEST_CASE("A stream hashes to the same digest however it is cut", "[base]") {
  ByteVector input(10'000);
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = static_cast<std::uint8_t>(i * 31 + i / 7);
  const pxos::Xxh128 whole = pxos::xxh3_128(input);
  for (const std::size_t piece : {1U, 63U, 256U, 4097U}) {
    pxos::Xxh128Stream stream;
    for (std::size_t at = 0; at < input.size(); at += piece) {
      stream.update(pxos::Bytes(input).subspan(at, std::min(piece, input.size() - at)));
    }
    CHECK(stream.digest() == whole);
  }
}

TEST_CASE("Hex digests round-trip and malformed ones are refused", "[base]") {
  const pxos::Xxh128 short_digest = pxos::xxh3_128(as_bytes("x"));
  CHECK(pxos::parse_xxh128(pxos::to_hex(short_digest)).value() == short_digest);
  const pxos::Blake3 long_digest = pxos::blake3(as_bytes("x"));
  const std::string hex = pxos::to_hex(long_digest);
  CHECK(pxos::parse_blake3(hex).value() == long_digest);
  CHECK_FALSE(pxos::parse_blake3(hex.substr(1)));
  CHECK_FALSE(pxos::parse_blake3(hex + "0"));
  CHECK_FALSE(pxos::parse_blake3("g" + hex.substr(1)));
  CHECK_FALSE(pxos::parse_xxh128(""));
  CHECK_FALSE(pxos::parse_xxh128("../../../../etc/passwd/xxxxxxxxxx"));
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  CHECK_FALSE(pxos::parse_blake3(upper));
}
