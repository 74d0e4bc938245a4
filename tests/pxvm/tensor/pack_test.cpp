#include "pxvm/tensor/pack.hpp"

#include "pxvm/tensor/quantize.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

constexpr DType kPacked[] = {DType::kF32,  DType::kF16,  DType::kBF16,    DType::kQ8_0,
                             DType::kQ4_0, DType::kQ4_1, DType::kU8Affine};

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
    for (const std::uint64_t cols : {32U, 64U, 160U}) {
      for (const std::uint32_t rows : {1U, 7U, 16U}) {
        const std::uint64_t bytes = row_bytes(dtype, cols).value();
        const std::uint64_t apart = bytes + 3;
        const ByteVector canonical = pattern(apart * rows, static_cast<std::uint32_t>(cols) + rows);
        ByteVector units(cols / 32 * info(dtype).unit_bytes);
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

TEST_CASE("packing a full group is a permutation of its bytes", "[tensor][pack]") {
  for (const DType dtype : kPacked) {
    const std::uint64_t bytes = row_bytes(dtype, 64).value();
    ByteVector canonical = pattern(bytes * 16, 5);
    ByteVector units(2 * info(dtype).unit_bytes);
    pack_row_group(dtype, canonical, bytes, 16, 64, units);
    if (dtype == DType::kQ8_0) {  // quants are stored with the sign bit flipped
      for (std::size_t i = 0; i < canonical.size(); ++i) {
        if (i % 34 >= 2) canonical[i] ^= 0x80;
      }
    }
    std::sort(canonical.begin(), canonical.end());
    std::sort(units.begin(), units.end());
    CHECK(units == canonical);
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

  ByteVector wide(16 * 32 * 2, 0);
  wide[static_cast<std::size_t>(3 * 32 + 7) * 2 + 1] = 0x3c;  // row 3, column 7
  ByteVector f16(1024);
  pack_row_group(DType::kF16, wide, 64, 16, 32, f16);
  CHECK(f16[static_cast<std::size_t>(7 * 16 + 3) * 2 + 1] == 0x3c);
}

TEST_CASE("padding rows and columns dequantise to zero", "[tensor][pack]") {
  for (const DType dtype : kPacked) {
    if (dtype == DType::kU8Affine) continue;  // its kernels never read padding
    const std::uint64_t bytes = row_bytes(dtype, 32).value();
    ByteVector units(info(dtype).unit_bytes, 0x77);
    pack_row_group(dtype, pattern(bytes * 5, 1), bytes, 5, 32, units);
    ByteVector rows(bytes * 16);
    unpack_row_group(dtype, units, 16, 32, bytes, rows);
    std::vector<float> values(32);
    for (std::size_t r = 5; r < 16; ++r) {
      dequantize_row(dtype, Bytes(rows).subspan(r * bytes, bytes), values);
      CHECK(values == std::vector<float>(32, 0.0F));
    }
  }
  ByteVector ragged(2048, 0x77);
  pack_row_group(DType::kF32, pattern(16 * 20, 2), 20, 16, 5, ragged);
  CHECK(std::all_of(ragged.begin() + 5 * 64, ragged.end(), [](std::uint8_t b) { return b == 0; }));
}

}  // namespace pxos::tensor
