#include "pxvm/tensor/block.hpp"

#include "pxvm/tensor/quantize.hpp"
#include "tests/pxvm/tensor/block_reference.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

/// Bit patterns of what dequantize_row and the reference make of some blocks.
struct BothValues {
  std::vector<std::uint32_t> found, expected;
};

BothValues values_of(DType dtype, const std::vector<std::uint8_t>& blocks) {
  const DTypeInfo& entry = info(dtype);
  const std::size_t count = blocks.size() / entry.block_bytes;
  std::vector<float> out(count * entry.block_elems);
  dequantize_row(dtype, blocks, out);
  std::vector<float> expected(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint8_t* block = blocks.data() + i / entry.block_elems * entry.block_bytes;
    expected[i] =
        test::reference_element(dtype, block, static_cast<unsigned>(i % entry.block_elems)).value();
  }
  return {test::bits_of(out), test::bits_of(expected)};
}

}  // namespace

TEST_CASE("dequantisation of random blocks has the bits of the format's description",
          "[tensor][block]") {
  for (const DType dtype : test::block_types()) {
    INFO(info(dtype).text);
    for (const bool tame : {true, false}) {
      const BothValues both = values_of(dtype, test::random_blocks(dtype, 200, 99, tame));
      CHECK(both.found == both.expected);
    }
  }
}

TEST_CASE("every block dtype has a spec and no element type has one", "[tensor][block]") {
  for (std::uint32_t code = 0; code < 256; ++code) {
    const auto dtype = dtype_from_code(code);
    if (!dtype) continue;
    const BlockSpec* spec = block_spec(*dtype);
    INFO(info(*dtype).text);
    CHECK((spec != nullptr) == (info(*dtype).block_elems > 1));
    if (spec != nullptr) CHECK(spec->dtype == *dtype);
  }
}

TEST_CASE("reading and writing a block gives its bytes back", "[tensor][block]") {
  for (const DType dtype : test::block_types()) {
    INFO(info(dtype).text);
    const BlockSpec& spec = *block_spec(dtype);
    const std::size_t bytes = info(dtype).block_bytes;
    const auto blocks = test::random_blocks(dtype, 100, 7, false);
    std::vector<std::uint8_t> back(blocks.size(), 0xAA);
    BlockFields fields;  // reused: nothing of one block may leak into the next
    for (std::size_t b = 0; b < 100; ++b) {
      spec.read(blocks.data() + b * bytes, fields);
      for (std::size_t k = 0; k < info(dtype).block_elems; ++k) {
        REQUIRE(fields.quants[k] >> (spec.low_bits + spec.high_bits) == 0);
      }
      spec.write(fields, back.data() + b * bytes);
    }
    CHECK(back == blocks);
  }
}

TEST_CASE("each single bit of a block changes the fields", "[tensor][block]") {
  for (const DType dtype : test::block_types()) {
    INFO(info(dtype).text);
    const BlockSpec& spec = *block_spec(dtype);
    auto block = test::random_blocks(dtype, 1, 3, true);
    BlockFields before;
    spec.read(block.data(), before);
    for (std::size_t bit = 0; bit < block.size() * 8; ++bit) {
      block[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      BlockFields after;
      spec.read(block.data(), after);
      const bool same = after.d == before.d && after.m == before.m &&
                        after.scales == before.scales && after.minima == before.minima &&
                        after.quants == before.quants;
      CHECK_FALSE(same);
      block[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    }
  }
}

TEST_CASE("padding is positive zero in every dtype", "[tensor][block]") {
  for (const DType dtype : test::block_types()) {
    const BlockSpec& spec = *block_spec(dtype);
    std::vector<float> values(info(dtype).block_elems, 1.0F);
    dequantize_fields(spec, padding_fields(spec), values);
    for (const float value : values) REQUIRE(std::abs(value) == 0.0F);
  }
}

TEST_CASE("the scale of an exponent byte is a power of two down to the denormals",
          "[tensor][block]") {
  for (int e = 0; e < 256; ++e) {
    CHECK(exponent_scale(static_cast<std::uint8_t>(e)) ==
          static_cast<float>(std::ldexp(1.0, e - 128)));
  }
}

}  // namespace pxos::tensor
