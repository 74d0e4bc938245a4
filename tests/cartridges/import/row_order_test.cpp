#include "cartridges/import/row_order.hpp"

#include <numeric>

#include <catch2/catch.hpp>

using pxos::ByteVector;
using pxos::MutBytes;
using pxos::cartridges::f32_bytes;
using pxos::cartridges::read_in_place;
using pxos::cartridges::read_interleaved;
using pxos::cartridges::read_owned;
using pxos::cartridges::read_transposed;
using pxos::cartridges::ReadCanonical;

namespace {

ByteVector counting(std::size_t size) {
  ByteVector out(size);
  std::iota(out.begin(), out.end(), std::uint8_t{0});
  return out;
}

/// Reads `size` bytes in steps and requires the same bytes for every step.
ByteVector read_all(const ReadCanonical& read, std::size_t size) {
  ByteVector whole(size);
  REQUIRE(read(0, whole).has_value());
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{8}, std::size_t{13}}) {
    ByteVector got(size);
    for (std::size_t at = 0; at < size; at += step)
      REQUIRE(read(at, MutBytes(got).subspan(at, std::min(step, size - at))).has_value());
    CHECK(got == whole);
  }
  ByteVector beyond(2);
  CHECK_FALSE(read(size - 1, beyond).has_value());
  CHECK_FALSE(read(~std::uint64_t{0}, beyond).has_value());
  return whole;
}

}  // namespace

TEST_CASE("Bytes come as they are", "[import]") {
  const ByteVector bytes = counting(40);
  CHECK(read_all(read_in_place("w", bytes), 40) == bytes);
  CHECK(read_all(read_owned("w", bytes), 40) == bytes);
}

TEST_CASE("Halves of a head become neighbours", "[import]") {
  // Two heads of six rows, two bytes each; row r holds 2r and 2r + 1.
  const ByteVector bytes = counting(24);
  const ByteVector got = read_all(read_interleaved("q", bytes, 2, 6), 24);
  std::vector<int> rows;
  for (std::size_t i = 0; i < got.size(); i += 2) rows.push_back(got[i] / 2);
  CHECK(rows == std::vector<int>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11});
}

TEST_CASE("A transpose swaps rows and columns", "[import]") {
  // [3, 5] elements of two bytes, out [5, 3].
  const ByteVector bytes = counting(30);
  const ByteVector got = read_all(read_transposed("w", bytes, {5, 3, 2}), 30);
  for (std::size_t row = 0; row < 5; ++row)
    for (std::size_t col = 0; col < 3; ++col)
      CHECK(got[(row * 3 + col) * 2] == bytes[(col * 5 + row) * 2]);
}

TEST_CASE("f32 values are little-endian bytes", "[import]") {
  CHECK(f32_bytes(std::vector<float>{1.0F}) == ByteVector{0, 0, 0x80, 0x3F});
}
