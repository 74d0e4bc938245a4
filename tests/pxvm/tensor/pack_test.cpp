#include "pxvm/tensor/pack.hpp"

#include "pxvm/tensor/quantize.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

constexpr DType kPacked[] = {DType::kF32,  DType::kF16,  DType::kBF16,   DType::kU8Affine,
                             DType::kQ8_0, DType::kQ4_0, DType::kQ4_1,   DType::kQ5_0,
                             DType::kQ5_1, DType::kQ2_K, DType::kQ3_K,   DType::kQ4_K,
                             DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kMXFP4};

/// Bytes that differ everywhere.
ByteVector pattern(std::size_t bytes, std::uint32_t seed) {
  ByteVector out(bytes);
  for (std::uint8_t& byte : out) {
    seed = seed * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(seed >> 24);
  }
  return out;
}

}  // namespace

TEST_CASE("unpacking a packed row group gives the bytes back", "[tensor][pack]") {
  for (const DType dtype : kPacked) {
    const std::uint32_t unit_cols = info(dtype).unit_cols;
    for (const std::uint64_t cols : {unit_cols, 2 * unit_cols, 5 * unit_cols}) {
      for (const std::uint32_t rows : {1U, 7U, 16U}) {
        const std::uint64_t bytes = row_bytes(dtype, cols).value();
        const std::uint64_t apart = bytes + 3;
        const ByteVector canonical = pattern(apart * rows, static_cast<std::uint32_t>(cols) + rows);
        ByteVector units(cols / unit_cols * info(dtype).unit_bytes);
        pack_row_group(dtype, canonical, apart, rows, cols, units);
        ByteVector back = canonical;
        for (std::uint32_t r = 0; r < rows; ++r) {
          std::fill_n(back.begin() + static_cast<std::ptrdiff_t>(r * apart), bytes,
                      std::uint8_t{0});
        }
        unpack_row_group(dtype, units, rows, cols, apart, back);
        CHECK(back == canonical);
      }
    }
  }
}

TEST_CASE("packing a full group keeps every bit", "[tensor][pack]") {
  // A unit has no room to spare, so a round trip of every single changed bit shows a bijection.
  for (const DType dtype : kPacked) {
    const DTypeInfo& entry = info(dtype);
    const std::uint64_t bytes = row_bytes(dtype, entry.unit_cols).value();
    REQUIRE(bytes * kUnitRows == entry.unit_bytes);
    ByteVector units = pattern(entry.unit_bytes, 5);
    ByteVector rows(entry.unit_bytes);
    ByteVector back(entry.unit_bytes);
    for (std::size_t bit = 0; bit < 8 * units.size(); bit += 97) {
      units[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      unpack_row_group(dtype, units, 16, entry.unit_cols, bytes, rows);
      pack_row_group(dtype, rows, bytes, 16, entry.unit_cols, back);
      REQUIRE(back == units);
    }
  }
}

TEST_CASE("packed bytes lie where the format says", "[tensor][pack]") {
  ByteVector canonical(16 * 34, 0);
  canonical[5 * 34] = 0x12;           // row 5: d low byte
  canonical[5 * 34 + 1] = 0x34;       // d high byte
  canonical[5 * 34 + 2 + 14] = 0x7f;  // q[14]
  ByteVector q8(544);
  pack_row_group(DType::kQ8_0, canonical, 34, 16, 32, q8);
  CHECK(q8[10] == 0x12);
  CHECK(q8[11] == 0x34);
  CHECK(q8[32 + 3 * 64 + 4 * 5 + 2] == 0xff);
  CHECK(q8[32] == 0x80);

  ByteVector nibbles(16 * 20, 0);
  nibbles[2 * 20 + 2] = 0x56;      // row 2: m low byte
  nibbles[2 * 20 + 4 + 9] = 0xab;  // q[9] = b, q[25] = a
  ByteVector q41(320);
  pack_row_group(DType::kQ4_1, nibbles, 20, 16, 32, q41);
  CHECK(q41[32 + 4] == 0x56);
  CHECK(q41[64 + 2 * 64 + 4 * 2 + 1] == 0xab);

  ByteVector fifth(16 * 22, 0);
  fifth[3 * 22 + 2 + 2] = 0x20;  // row 3: fifth bit of q[21]
  ByteVector q50(352);
  pack_row_group(DType::kQ5_0, fifth, 22, 16, 32, q50);
  CHECK(q50[32 + 4 * 3 + 1] == 1 << 5);  // columns 20 .. 23 are bit 5

  ByteVector super(std::size_t{16} * 144, 0);
  super[7 * 144 + 4 + 8 + 2] = 0x95;  // row 7: low nibbles of s[6] = 5 and t[6] = 9
  super[7 * 144 + 16 + 40] = 0xC0;    // q[104] = 12: step 3, column 8
  ByteVector q4k(2304);
  pack_row_group(DType::kQ4_K, super, 144, 16, 256, q4k);
  CHECK(q4k[64 + 6 * 16 + 7] == (5 | 1 << 6));
  CHECK(q4k[64 + 10 * 16 + 7] == 2 << 4);
  CHECK(q4k[256 + 3 * 256 + 2 * 64 + 4 * 7] == 12);

  ByteVector six(std::size_t{16} * 210, 0);
  six[210 + 192 + 9] = 0x81;       // row 1: s[9]
  six[210 + 128 + 32 + 5] = 0x30;  // upper bits of q[197] = 3: step 6, column 5
  ByteVector q6k(3360);
  pack_row_group(DType::kQ6_K, six, 210, 16, 256, q6k);
  CHECK(q6k[32 + 9 * 16 + 1] == 0x81);
  CHECK(q6k[288 + 6 * 384 + 64 + 4 * 1 + 1] == 3);  // columns 4 .. 7: line 1, bits 0 and 1

  ByteVector wide(16 * 32 * 2, 0);
  wide[static_cast<std::size_t>(3 * 32 + 7) * 2 + 1] = 0x3c;  // row 3, column 7
  ByteVector f16(1024);
  pack_row_group(DType::kF16, wide, 64, 16, 32, f16);
  CHECK(f16[static_cast<std::size_t>(7 * 16 + 3) * 2 + 1] == 0x3c);
}

TEST_CASE("a row of a unit dequantises as its canonical bytes do", "[tensor][pack]") {
  for (const DType dtype : kPacked) {
    if (dtype == DType::kU8Affine) continue;  // its range is not in the unit
    const DTypeInfo& entry = info(dtype);
    const std::uint64_t bytes = row_bytes(dtype, entry.unit_cols).value();
    const ByteVector rows = pattern(16 * bytes, 8);
    ByteVector unit(entry.unit_bytes);
    pack_row_group(dtype, rows, bytes, 16, entry.unit_cols, unit);
    for (std::uint32_t r = 0; r < 16; ++r) {
      std::vector<float> found(entry.unit_cols);
      std::vector<float> expected(entry.unit_cols);
      dequantize_unit_row(dtype, unit, r, found);
      dequantize_row(dtype, Bytes(rows).subspan(r * bytes, bytes), expected);
      CHECK(test::bits_of(found) == test::bits_of(expected));
    }
  }
}

TEST_CASE("padding rows and columns dequantise to zero", "[tensor][pack]") {
  for (const DType dtype : kPacked) {
    if (dtype == DType::kU8Affine) continue;  // its kernels never read padding
    const std::uint32_t cols = info(dtype).unit_cols;
    const std::uint64_t bytes = row_bytes(dtype, cols).value();
    ByteVector units(info(dtype).unit_bytes, 0x77);
    pack_row_group(dtype, pattern(bytes * 5, 1), bytes, 5, cols, units);
    ByteVector rows(bytes * 16);
    unpack_row_group(dtype, units, 16, cols, bytes, rows);
    std::vector<float> values(cols);
    for (std::size_t r = 5; r < 16; ++r) {
      dequantize_row(dtype, Bytes(rows).subspan(r * bytes, bytes), values);
      CHECK(values == std::vector<float>(cols, 0.0F));
    }
  }
  ByteVector ragged(2048, 0x77);
  pack_row_group(DType::kF32, pattern(16 * 20, 2), 20, 16, 5, ragged);
  CHECK(std::all_of(ragged.begin() + 5 * 64, ragged.end(), [](std::uint8_t b) { return b == 0; }));
}

}  // namespace pxos::tensor
