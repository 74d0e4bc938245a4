#include "pixelfs/png.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"

#include <numeric>

#include <catch2/catch.hpp>

using namespace pxos;

namespace {

/// The definition, bit by bit.
std::uint32_t slow_crc(Bytes bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::uint8_t b : bytes) {
    crc ^= b;
    for (int i = 0; i < 8; ++i) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::uint32_t slow_adler(Bytes bytes) {
  std::uint64_t a = 1;
  std::uint64_t b = 0;
  for (const std::uint8_t v : bytes) {
    a = (a + v) % 65521;
    b = (b + a) % 65521;
  }
  return static_cast<std::uint32_t>(b << 16U | a);
}

}  // namespace

TEST_CASE("crc32 and adler32 give the published check values", "[pixelfs]") {
  REQUIRE(pixelfs::crc32(as_bytes("123456789")) == 0xCBF43926U);
  REQUIRE(pixelfs::adler32(as_bytes("Wikipedia")) == 0x11E60398U);
  REQUIRE(pixelfs::crc32({}) == 0);
  REQUIRE(pixelfs::adler32({}) == 1);
}

TEST_CASE("checksums equal their definitions for every length and split", "[pixelfs]") {
  const ByteVector data = test::noise(300, 3);
  for (std::size_t n = 0; n <= data.size(); ++n) {
    const Bytes bytes = Bytes(data).first(n);
    REQUIRE(pixelfs::crc32(bytes) == slow_crc(bytes));
    REQUIRE(pixelfs::adler32(bytes) == slow_adler(bytes));
    REQUIRE(pixelfs::crc32(Bytes(data).subspan(n), pixelfs::crc32(bytes)) == slow_crc(data));
    REQUIRE(pixelfs::adler32(Bytes(data).subspan(n), pixelfs::adler32(bytes)) == slow_adler(data));
  }
}

TEST_CASE("adler32 does not overflow on the largest bytes", "[pixelfs]") {
  const ByteVector data(100000, 0xFF);
  REQUIRE(pixelfs::adler32(data) == slow_adler(data));
  REQUIRE(pixelfs::adler32(data, 0xFFF0FFF0U) == [&] {
    std::uint64_t a = 0xFFF0;
    std::uint64_t b = 0xFFF0;
    for (const std::uint8_t v : data) {
      a = (a + v) % 65521;
      b = (b + a) % 65521;
    }
    return static_cast<std::uint32_t>(b << 16U | a);
  }());
}
