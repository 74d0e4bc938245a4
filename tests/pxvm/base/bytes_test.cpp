#include "pxvm/base/bytes.hpp"

#include "tests/support/mutate.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

using pxos::ByteReader;
using pxos::Bytes;
using pxos::ByteVector;
using pxos::ByteWriter;
using pxos::Errc;

namespace {

ByteVector one_of_each() {
  ByteWriter writer;
  writer.u8(0xab);
  writer.u16(0x1234);
  writer.u32(0xdeadbeef);
  writer.u64(0x0123456789abcdefULL);
  writer.i32(-5);
  writer.i64(std::numeric_limits<std::int64_t>::min());
  writer.f32(-0.0F);
  writer.f64(std::numeric_limits<double>::infinity());
  writer.string32("pixels");
  return writer.take();
}

/// Reads what one_of_each wrote; false as soon as a read fails.
bool read_all(Bytes input) {
  ByteReader reader(input);
  const bool numbers = reader.u8("a") && reader.u16("b") && reader.u32("c") && reader.u64("d") &&
                       reader.i32("e") && reader.i64("f") && reader.f32("g") && reader.f64("h");
  return numbers && reader.string32(100, "i").has_value();
}

}  // namespace

TEST_CASE("ByteWriter lays integers out little-endian", "[base]") {
  ByteWriter writer;
  writer.u16(0x0102);
  writer.u32(0x03040506);
  const ByteVector expected = {0x02, 0x01, 0x06, 0x05, 0x04, 0x03};
  CHECK(writer.take() == expected);
}

TEST_CASE("ByteReader gives back every type that ByteWriter wrote", "[base]") {
  const ByteVector input = one_of_each();
  ByteReader reader(input);
  CHECK(reader.u8("a").value() == 0xab);
  CHECK(reader.u16("b").value() == 0x1234);
  CHECK(reader.u32("c").value() == 0xdeadbeef);
  CHECK(reader.u64("d").value() == 0x0123456789abcdefULL);
  CHECK(reader.i32("e").value() == -5);
  CHECK(reader.i64("f").value() == std::numeric_limits<std::int64_t>::min());
  const float negative_zero = reader.f32("g").value();
  CHECK(std::signbit(negative_zero));
  CHECK(std::isinf(reader.f64("h").value()));
  CHECK(reader.string32(6, "i").value() == "pixels");
  CHECK(reader.remaining() == 0);
}

TEST_CASE("ByteReader refuses every truncated prefix", "[base]") {
  const ByteVector input = one_of_each();
  REQUIRE(read_all(input));
  pxos::test::for_each_truncation(input, [](Bytes prefix) { CHECK_FALSE(read_all(prefix)); });
}

TEST_CASE("A failed read names the value, the place and the sizes, and does not move", "[base]") {
  const ByteVector input = {1, 2, 3};
  ByteReader reader(input);
  REQUIRE(reader.u8("kind"));
  const auto read = reader.u32("manifest version");
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Errc::kInvalid);
  CHECK(read.error().message == "truncated at byte 1: manifest version needs 4 bytes, 2 left");
  CHECK(reader.position() == 1);
}

TEST_CASE("ByteReader::bytes does not wrap on a count near 2^64", "[base]") {
  const ByteVector input(8);
  ByteReader reader(input);
  REQUIRE(reader.u32("head"));
  CHECK_FALSE(reader.bytes(std::numeric_limits<std::uint64_t>::max() - 2, "payload"));
  CHECK(reader.bytes(4, "payload"));
}

TEST_CASE("ByteReader::string32 checks its cap before the bytes", "[base]") {
  ByteWriter writer;
  writer.u32(0xffffffffU);
  const ByteVector input = writer.take();
  ByteReader reader(input);
  const auto text = reader.string32(1000, "name");
  REQUIRE_FALSE(text);
  CHECK(text.error().code == Errc::kLimit);
}

TEST_CASE("ByteReader::seek accepts the end and nothing behind it", "[base]") {
  const ByteVector input(5);
  ByteReader reader(input);
  CHECK(reader.seek(5, "table"));
  CHECK(reader.remaining() == 0);
  CHECK_FALSE(reader.seek(6, "table"));
  CHECK(reader.position() == 5);
}

TEST_CASE("ByteWriter::pad_to appends zeros up to the multiple", "[base]") {
  ByteWriter writer;
  writer.u8(7);
  writer.pad_to(4);
  writer.pad_to(4);
  const ByteVector expected = {7, 0, 0, 0};
  CHECK(writer.take() == expected);
}
