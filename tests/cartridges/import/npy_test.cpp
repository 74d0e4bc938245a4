#include "cartridges/import/npy.hpp"

#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using pxos::as_bytes;
using pxos::Bytes;
using pxos::ByteVector;
using pxos::cartridges::element_count;
using pxos::cartridges::NpyArray;
using pxos::cartridges::parse_npy;
using pxos::cartridges::write_npy;

namespace {

/// A version 1 or 2 file around this header text, with `values` floats behind it.
ByteVector file_of(std::uint8_t version, std::string_view header, int values) {
  pxos::ByteWriter out;
  out.bytes(as_bytes("\x93NUMPY"));
  out.u8(version);
  out.u8(0);
  if (version == 1)
    out.u16(static_cast<std::uint16_t>(header.size()));
  else
    out.u32(static_cast<std::uint32_t>(header.size()));
  out.bytes(as_bytes(header));
  for (int i = 0; i < values; ++i) out.f32(static_cast<float>(i));
  return out.take();
}

bool accepts(std::string_view header, int values) {
  return parse_npy(file_of(1, header, values), "x").has_value();
}

}  // namespace

TEST_CASE("An npy file's bytes are frozen", "[npy]") {
  const ByteVector bytes = write_npy({"x", {2}, {1.0F, -2.0F}});
  REQUIRE(bytes.size() == 128 + 8);
  CHECK(pxos::as_text(Bytes(bytes).subspan(10, 57)) ==
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }");
  CHECK(bytes[8] == 118);
  CHECK(bytes[127] == '\n');
  CHECK(ByteVector(bytes.begin() + 128, bytes.end()) ==
        ByteVector{0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0});
}

TEST_CASE("Versions 1 and 2 are read, keys in any order", "[npy]") {
  const std::string_view header = "{\"shape\":(2, 1), 'fortran_order' : False,'descr':'<f4'}\n";
  for (const std::uint8_t version : {std::uint8_t{1}, std::uint8_t{2}}) {
    const auto parsed = parse_npy(file_of(version, header, 2), "x");
    REQUIRE(parsed.has_value());
    CHECK(parsed->shape == std::vector<std::int64_t>{2, 1});
    CHECK(parsed->values == std::vector<float>{0, 1});
  }
  CHECK_FALSE(parse_npy(file_of(3, header, 2), "x").has_value());
}

TEST_CASE("Header literals are read strictly", "[npy]") {
  CHECK(accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 1));
  CHECK(accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 5)}", 0));
  CHECK_FALSE(accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (1)", 1));
  CHECK_FALSE(accepts("{'descr': '<f4', 'fortran_order': False}", 1));
  CHECK_FALSE(accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 1));
  CHECK_FALSE(accepts("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 1));
  CHECK_FALSE(accepts("{'descr': '<f4', 'fortran_order': False, 'shape': [1]}", 1));
  CHECK_FALSE(accepts("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 1));
  CHECK_FALSE(
      accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 1));
  CHECK_FALSE(
      accepts("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 0));
  CHECK_FALSE(accepts("", 1));
}

TEST_CASE("parse_npy rejects every truncated prefix and extra bytes", "[npy]") {
  ByteVector bytes = write_npy({"x", {3}, {1, 2, 3}});
  pxos::test::for_each_truncation(
      bytes, [](Bytes prefix) { REQUIRE_FALSE(parse_npy(prefix, "x").has_value()); });
  bytes.push_back(0);
  CHECK_FALSE(parse_npy(bytes, "x").has_value());
}

TEST_CASE("element_count refuses negative sizes and overflow", "[npy]") {
  CHECK(element_count(std::vector<std::int64_t>{}) == 1);
  CHECK(element_count(std::vector<std::int64_t>{2, 3}) == 6);
  CHECK_FALSE(element_count(std::vector<std::int64_t>{-1}).has_value());
  const std::int64_t large = std::int64_t{1} << 32U;
  CHECK_FALSE(element_count(std::vector<std::int64_t>{large, large}).has_value());
}
