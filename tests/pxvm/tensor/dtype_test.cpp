#include "pxvm/tensor/dtype.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace pxos::tensor {

TEST_CASE("dtypes are found by code and by text", "[tensor][dtype]") {
  CHECK(dtype_from_code(8).value() == DType::kQ8_0);
  CHECK(dtype_from_text("q4_1").value() == DType::kQ4_1);
  CHECK(dtype_from_text("u8affine").value() == DType::kU8Affine);
  CHECK(info(DType::kQ8_0).block_bytes == 34);
  CHECK(info(DType::kQ4_0).unit_bytes == 288);
  CHECK(dtype_from_text("q4_k").value() == DType::kQ4_K);
  CHECK(dtype_from_code(39).value() == DType::kMXFP4);
  CHECK(info(DType::kQ6_K).unit_bytes == 3360);
}

TEST_CASE("unknown dtypes are refused with the list of known ones", "[tensor][dtype]") {
  const auto by_code = dtype_from_code(9);
  REQUIRE_FALSE(by_code);
  CHECK(by_code.error().code == Errc::kUnsupported);
  CHECK(by_code.error().message.find("9:") != std::string::npos);
  CHECK(by_code.error().message.find("q8_0") != std::string::npos);
  CHECK_FALSE(dtype_from_text("Q8_0"));
  CHECK_FALSE(dtype_from_text(""));
  CHECK_FALSE(dtype_from_code(0x1'0000'0000U >> 1));
}

TEST_CASE("a packed unit holds 16 rows of its blocks", "[tensor][dtype]") {
  for (std::uint32_t code = 0; code < 256; ++code) {
    const auto dtype = dtype_from_code(code);
    if (!dtype || info(*dtype).unit_bytes == 0) continue;
    const DTypeInfo& entry = info(*dtype);
    CHECK(entry.unit_bytes == kUnitRows * entry.unit_cols / entry.block_elems * entry.block_bytes);
  }
}

TEST_CASE("row_bytes counts blocks and refuses what does not fit", "[tensor][dtype]") {
  CHECK(row_bytes(DType::kQ4_1, 64).value() == 40);
  CHECK(row_bytes(DType::kF32, 0).value() == 0);
  CHECK(row_bytes(DType::kQ8_0, 33).error().code == Errc::kInvalid);
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  CHECK(row_bytes(DType::kF32, huge).error().code == Errc::kLimit);
}

}  // namespace pxos::tensor
