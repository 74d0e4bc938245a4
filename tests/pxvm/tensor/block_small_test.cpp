#include "pxvm/tensor/block_bytes.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {

TEST_CASE("hand-made blocks of 32 dequantise to their values", "[tensor][block]") {
  std::vector<float> out(32);
  std::vector<std::uint8_t> q5(22, 0);
  q5[1] = 0x38;  // d = 0.5
  q5[2] = 0x02;  // fifth bit of column 1
  q5[5] = 0x80;  // and of column 31
  q5[6] = 0x07;  // column 0: 7 - 16
  q5[7] = 0x01;  // column 1: 17 - 16
  q5[21] = 0xF0;
  dequantize_row(DType::kQ5_0, q5, out);
  CHECK(out[0] == -4.5F);
  CHECK(out[1] == 0.5F);
  CHECK(out[16] == -8.0F);
  CHECK(out[31] == 7.5F);

  std::vector<std::uint8_t> q51(24, 0);
  q51[1] = 0x3C;  // d = 1
  q51[3] = 0xC0;  // m = -2
  q51[4] = 0x01;  // fifth bit of column 0
  q51[8] = 0x3F;
  dequantize_row(DType::kQ5_1, q51, out);
  CHECK(out[0] == 29.0F);
  CHECK(out[16] == 1.0F);
  CHECK(out[1] == -2.0F);

  std::vector<std::uint8_t> iq4(18, 0x8F);
  iq4[0] = 0;
  iq4[1] = 0x40;  // d = 2
  dequantize_row(DType::kIQ4_NL, iq4, out);
  CHECK(out[0] == 226.0F);
  CHECK(out[16] == 2.0F);

  std::vector<std::uint8_t> fp4(17, 0xF3);
  fp4[0] = 128;  // a doubled level times 2^0
  dequantize_row(DType::kMXFP4, fp4, out);
  CHECK(out[0] == 3.0F);
  CHECK(out[16] == -12.0F);
}

TEST_CASE("fields of a block of 32 are in column order", "[tensor][block]") {
  std::vector<std::uint8_t> block(22);
  for (std::size_t i = 0; i < 16; ++i) block[6 + i] = static_cast<std::uint8_t>(i | (15 - i) << 4);
  block[3] = 0xFF;  // columns 8 .. 15
  BlockFields fields;
  read_q5_0(block.data(), fields);
  for (std::size_t k = 0; k < 16; ++k) {
    CHECK(fields.quants[k] == k + (k >= 8 ? 16U : 0U));
    CHECK(fields.quants[16 + k] == 15 - k);
  }
}

}  // namespace pxos::tensor
