#include "cartridges/import/tensor_source.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "tests/cartridges/gguf_builder.hpp"

#include <cstring>

#include <catch2/catch.hpp>

using pxos::ByteVector;
using pxos::cartridges::gguf_model;
using pxos::cartridges::tensor_source;
using pxos::pixelfs::SheetLayout;
using pxos::tensor::DType;

namespace {

/// q8_0 matrix w[300, 64], f16 matrix h[2, 32], f16 vector v[6].
ByteVector file_bytes() {
  ByteVector blocks(300 * 2 * 34);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    blocks[i] = static_cast<std::uint8_t>(i % 34 == 1 ? 0x2C : i * 31);
  pxos::ByteWriter halves;
  for (std::uint16_t i = 0; i < 64; ++i)
    halves.u16(pxos::tensor::f32_to_f16(static_cast<float>(i) / 8));
  pxos::test::GgufBuilder file;
  file.tensor("w", {64, 300}, 8, blocks);
  file.tensor("h", {32, 2}, 1, halves.view());
  file.tensor("v", {6}, 1, halves.view().first(12));
  return file.build();
}

ByteVector bytes_of(const pxos::cartridges::ModelTensor& tensor) {
  ByteVector out(tensor.bytes());
  REQUIRE(tensor.read(0, out).has_value());
  return out;
}

}  // namespace

TEST_CASE("Matrices keep their type, vectors become linear f32", "[import]") {
  const ByteVector bytes = file_bytes();
  const auto file = gguf_model(bytes).value();
  const auto w = tensor_source(*file.find_tensor("w"), {});
  CHECK(w.dtype == DType::kQ8_0);
  CHECK(w.layout == SheetLayout::kPacked16);
  CHECK(w.shape == std::vector<std::int64_t>{300, 64});
  const auto v = tensor_source(*file.find_tensor("v"), {});
  CHECK(v.dtype == DType::kF32);
  CHECK(v.layout == SheetLayout::kLinear);
  std::vector<float> values(6);
  ByteVector raw(24);
  REQUIRE(v.read_canonical(0, raw).has_value());
  std::memcpy(values.data(), raw.data(), raw.size());
  CHECK(values == std::vector<float>{0, 0.125F, 0.25F, 0.375F, 0.5F, 0.625F});
}

TEST_CASE("A dequantised tensor reads the same from every offset", "[import]") {
  const ByteVector bytes = file_bytes();
  const auto file = gguf_model(bytes).value();
  const auto* tensor = file.find_tensor("w");
  const auto input = tensor_source(*tensor, DType::kF32);
  CHECK(input.dtype == DType::kF32);
  std::vector<float> expected(tensor->elements());
  pxos::tensor::dequantize_row(DType::kQ8_0, bytes_of(*tensor), expected);
  ByteVector whole(expected.size() * 4);
  std::memcpy(whole.data(), expected.data(), whole.size());
  // Steps that fall inside elements, blocks and the chunks the source works in.
  for (const std::size_t step :
       {std::size_t{7}, std::size_t{4096}, std::size_t{16385}, whole.size()}) {
    ByteVector got(whole.size());
    for (std::size_t at = 0; at < got.size(); at += step) {
      const std::size_t count = std::min(step, got.size() - at);
      REQUIRE(input.read_canonical(at, pxos::MutBytes(got).subspan(at, count)).has_value());
    }
    CHECK(got == whole);
  }
}

TEST_CASE("A matrix becomes another quantised type, the same from every offset", "[import]") {
  const ByteVector bytes = file_bytes();
  const auto file = gguf_model(bytes).value();
  const auto* tensor = file.find_tensor("w");
  const auto input = tensor_source(*tensor, DType::kQ5_0);
  REQUIRE(input.dtype == DType::kQ5_0);
  std::vector<float> values(tensor->elements());
  pxos::tensor::dequantize_row(DType::kQ8_0, bytes_of(*tensor), values);
  ByteVector expected(values.size() / 32 * 22);
  pxos::tensor::quantize_row(DType::kQ5_0, values, expected);
  for (const std::size_t step : {std::size_t{5}, std::size_t{2816}, expected.size()}) {
    ByteVector got(expected.size());
    for (std::size_t at = 0; at < got.size(); at += step) {
      const std::size_t count = std::min(step, got.size() - at);
      REQUIRE(input.read_canonical(at, pxos::MutBytes(got).subspan(at, count)).has_value());
    }
    CHECK(got == expected);
  }
  CHECK(tensor_source(*tensor, DType::kQ8_0).dtype == DType::kQ8_0);
}

TEST_CASE("A matrix whose rows are not whole blocks keeps its type", "[import]") {
  pxos::test::GgufBuilder builder;
  builder.tensor("odd", {20, 3}, 1, ByteVector(120));
  const ByteVector bytes = builder.build();
  const auto file = gguf_model(bytes).value();
  CHECK(tensor_source(*file.find_tensor("odd"), DType::kQ5_1).dtype == DType::kF16);
  CHECK(tensor_source(*file.find_tensor("odd"), DType::kF32).dtype == DType::kF32);
}

TEST_CASE("Reads outside the tensor are refused", "[import]") {
  const ByteVector bytes = file_bytes();
  const auto file = gguf_model(bytes).value();
  ByteVector out(8);
  for (const bool converts : {false, true}) {
    const auto as = converts ? std::optional(DType::kF32) : std::nullopt;
    const auto input = tensor_source(*file.find_tensor("h"), as);
    const std::uint64_t size = converts ? 256 : 128;
    CHECK(input.read_canonical(size - 8, out).has_value());
    CHECK_FALSE(input.read_canonical(size - 7, out).has_value());
    CHECK_FALSE(input.read_canonical(~std::uint64_t{0}, out).has_value());
  }
}
