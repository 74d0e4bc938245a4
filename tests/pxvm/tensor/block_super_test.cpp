#include "pxvm/tensor/block_bytes.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {

TEST_CASE("hand-made super-blocks dequantise to their values", "[tensor][block]") {
  std::vector<float> out(256);
  std::vector<std::uint8_t> q4(144, 0);
  q4[1] = 0x3C;   // d = 1
  q4[3] = 0x38;   // m = 0.5
  q4[4] = 0xC3;   // s[0] = 3, upper bits of s[4]
  q4[8] = 0x42;   // t[0] = 2, upper bits of t[4] = 1
  q4[12] = 0x21;  // s[4] = 1 + 48, t[4] = 2 + 16
  q4[16] = 0x05;
  q4[16 + 64] = 0x0A;  // columns 128 and 160
  dequantize_row(DType::kQ4_K, q4, out);
  CHECK(out[0] == 14.0F);
  CHECK(out[1] == -1.0F);
  CHECK(out[32] == 0.0F);
  CHECK(out[128] == 490.0F - 9.0F);
  CHECK(out[160] == 0.0F);

  std::vector<std::uint8_t> q6(210, 0);
  q6[209] = 0x3C;       // d = 1
  q6[192 + 15] = 0xFE;  // s[15] = -2
  q6[64 + 63] = 0xF0;   // column 255: low bits 15
  q6[128 + 63] = 0x80;  // its upper bits: 2
  dequantize_row(DType::kQ6_K, q6, out);
  CHECK(out[255] == -30.0F);
  CHECK(out[254] == 64.0F);
  CHECK(out[0] == 0.0F);

  std::vector<std::uint8_t> q3(110, 0);
  q3[109] = 0x3C;
  q3[96] = 0x01;   // s[0] = 1 - 32
  q3[104] = 0x03;  // its upper bits: 49 - 32
  q3[0] = 0x01;    // column 0 is not lowered by 4
  q3[32] = 0x02;
  dequantize_row(DType::kQ3_K, q3, out);
  CHECK(out[0] == 34.0F);
  CHECK(out[1] == -68.0F);
  CHECK(out[16] == 128.0F);

  std::vector<std::uint8_t> q2(84, 0);
  q2[81] = 0x3C;
  q2[83] = 0x3C;
  q2[9] = 0x52;           // columns 144 .. 159: s = 2, t = 5
  q2[16 + 32 + 16] = 3U;  // column 144
  dequantize_row(DType::kQ2_K, q2, out);
  CHECK(out[144] == 1.0F);
  CHECK(out[145] == -5.0F);
  CHECK(out[0] == 0.0F);

  std::vector<std::uint8_t> q5(176, 0);
  q5[1] = 0x3C;
  q5[4 + 1] = 1;      // s[1] = 1
  q5[16 + 5] = 0x02;  // fifth bit of column 37
  q5[48 + 5] = 0x40;  // its nibble
  dequantize_row(DType::kQ5_K, q5, out);
  CHECK(out[37] == 20.0F);
  CHECK(out[5] == 0.0F);
}

TEST_CASE("fields of a super-block are in column order", "[tensor][block]") {
  BlockFields fields;
  for (std::size_t k = 0; k < 256; ++k) fields.quants[k] = static_cast<std::uint8_t>(k * 7 % 64);
  for (std::size_t g = 0; g < 16; ++g) fields.scales[g] = static_cast<std::uint8_t>(g * 17);
  std::vector<std::uint8_t> block(210);
  write_q6_k(fields, block.data());
  for (const std::size_t k : {0U, 31U, 32U, 64U, 100U, 128U, 200U, 255U}) {
    const std::size_t byte = k / 128 * 64 + k % 64;
    CHECK((block[byte] >> (k % 128 / 64 * 4) & 15) == fields.quants[k] % 16);
  }
  CHECK(block[192 + 3] == 51);
}

}  // namespace pxos::tensor
