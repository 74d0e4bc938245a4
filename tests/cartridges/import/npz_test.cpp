#include "cartridges/import/npz.hpp"

#include "pixelfs/png.hpp"
#include "pxvm/base/file.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::Bytes;
using pxos::ByteVector;
using pxos::cartridges::NpyArray;
using pxos::cartridges::NpzLimits;
using pxos::cartridges::parse_npz;
using pxos::cartridges::write_npz;

namespace {

std::vector<NpyArray> sample() {
  return {{"a", {2, 3}, {1, 2, 3, 4, 5, 6}},
          {"scalar", {}, {-0.5F}},
          {"v", {4}, {0, -1, 1e30F, 1e-30F}}};
}

ByteVector archive() {
  return write_npz(sample()).value();
}

std::string error_of(const ByteVector& bytes) {
  const auto parsed = parse_npz(bytes);
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error().message;
}

std::size_t position_of(const ByteVector& bytes, std::string_view text, std::size_t from = 0) {
  const std::size_t at = pxos::as_text(bytes).find(text, from);
  REQUIRE(at != std::string_view::npos);
  return at;
}

/// A one-member archive around `content`, with every field as given.
ByteVector zip_of(std::string_view name, Bytes packed, std::uint32_t size, std::uint32_t crc,
                  std::uint16_t method, std::uint16_t flags = 0) {
  pxos::ByteWriter out;
  const auto shared = [&](std::uint16_t extra) {
    out.u16(20);
    out.u16(flags);
    out.u16(method);
    out.u32(0);
    out.u32(crc);
    out.u32(static_cast<std::uint32_t>(packed.size()));
    out.u32(size);
    out.u16(static_cast<std::uint16_t>(name.size()));
    out.u16(extra);
  };
  out.u32(0x04034b50);
  shared(4);
  out.bytes(pxos::as_bytes(name));
  out.u32(0xAABBCCDD);  // an extra field in the local header only
  out.bytes(packed);
  const auto start = static_cast<std::uint32_t>(out.size());
  out.u32(0x02014b50);
  out.u16(20);
  shared(0);
  for (int i = 0; i < 5; ++i) out.u16(0);
  out.u32(0);
  out.bytes(pxos::as_bytes(name));
  const auto end = static_cast<std::uint32_t>(out.size());
  out.u32(0x06054b50);
  out.u32(0);
  out.u16(1);
  out.u16(1);
  out.u32(end - start);
  out.u32(start);
  out.u16(0);
  return out.take();
}

/// The member bytes of array "a" of the sample archive.
ByteVector member() {
  const ByteVector bytes = write_npz(std::vector<NpyArray>{{"a", {2}, {1, 2}}}).value();
  const std::size_t start = position_of(bytes, "\x93NUMPY");
  return {bytes.begin() + static_cast<std::ptrdiff_t>(start),
          bytes.begin() + static_cast<std::ptrdiff_t>(start + 136)};
}

}  // namespace

TEST_CASE("npz survives a round trip", "[npz]") {
  const auto parsed = parse_npz(archive());
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK((*parsed)[i].name == sample()[i].name);
    CHECK((*parsed)[i].shape == sample()[i].shape);
    CHECK((*parsed)[i].values == sample()[i].values);
  }
  CHECK(archive() == archive());
}

TEST_CASE("Deflated members and local extra fields are read", "[npz]") {
  const ByteVector plain = member();
  const ByteVector deflated = pxos::pixelfs::deflate_raw(plain).value();
  const auto size = static_cast<std::uint32_t>(plain.size());
  const std::uint32_t crc = pxos::pixelfs::crc32(plain);
  const auto parsed = parse_npz(zip_of("w.npy", deflated, size, crc, 8));
  REQUIRE(parsed.has_value());
  CHECK(parsed->at(0).name == "w");
  CHECK(parsed->at(0).values == std::vector<float>{1, 2});
  // A member that unpacks to more than it says is a bomb, one that unpacks to less is damaged.
  CHECK_FALSE(parse_npz(zip_of("w.npy", deflated, size - 1, crc, 8)).has_value());
  CHECK_FALSE(parse_npz(zip_of("w.npy", deflated, size + 1, crc, 8)).has_value());
}

TEST_CASE("npz refuses what it does not read, by name", "[npz]") {
  const ByteVector plain = member();
  const auto size = static_cast<std::uint32_t>(plain.size());
  const std::uint32_t crc = pxos::pixelfs::crc32(plain);
  CHECK(parse_npz(zip_of("w.npy", plain, size, crc, 0)).has_value());
  CHECK_THAT(error_of(zip_of("w.npy", plain, size, crc, 12)), Contains("compression method 12"));
  CHECK_THAT(error_of(zip_of("w.npy", plain, size, crc, 0, 1)), Contains("encrypted"));
  CHECK_THAT(error_of(zip_of("w.npy", plain, size, crc + 1, 0)), Contains("CRC"));
  CHECK_THAT(error_of(zip_of("w.npy", plain, 0xFFFFFFFF, crc, 0)), Contains("npz"));
  for (const std::string_view name : {"w.txt", "../w.npy", "/w.npy", "a/b.npy", ".npy", "a\nb.npy"})
    CHECK_THAT(error_of(zip_of(name, plain, size, crc, 0)), Contains("plain name"));
}

TEST_CASE("npy headers other than float32 in C order are refused by name", "[npz]") {
  const auto changed = [](std::string_view from, std::string_view to) {
    ByteVector plain = member();
    const std::size_t at = position_of(plain, from);
    std::copy(to.begin(), to.end(), plain.begin() + static_cast<std::ptrdiff_t>(at));
    return error_of(zip_of("w.npy", plain, static_cast<std::uint32_t>(plain.size()),
                           pxos::pixelfs::crc32(plain), 0));
  };
  CHECK_THAT(changed("<f4", "<f8"), Contains("array w: dtype '<f8'"));
  CHECK_THAT(changed("<f4", ">f4"), Contains("dtype '>f4'"));
  CHECK_THAT(changed("False", "True "), Contains("array w: Fortran order"));
  CHECK_THAT(changed("(2,)", "(3,)"), Contains("do not fill the shape"));
  CHECK_THAT(changed("(2,)", "(-2)"), Contains("shape"));
  CHECK_THAT(changed("'fortran_order': False", "'descr': '<f4'        "),
             Contains("appears twice"));
  CHECK_THAT(changed("'shape'", "'shade'"), Contains("unknown header key"));
  CHECK_THAT(changed("\x93NUMPY", "\x93NUMPX"), Contains("bad magic"));
  CHECK_THAT(changed("NUMPY\x01", "NUMPY\x03"), Contains("npy version 3.0"));
}

TEST_CASE("npz caps sizes before it allocates", "[npz]") {
  NpzLimits limits;
  limits.max_bytes = 200;
  CHECK(parse_npz(archive(), limits).error().code == pxos::Errc::kLimit);
  limits = {};
  limits.max_members = 2;
  CHECK(parse_npz(archive(), limits).error().code == pxos::Errc::kLimit);
}

TEST_CASE("write_npz refuses arrays that contradict themselves", "[npz]") {
  using Arrays = std::vector<NpyArray>;
  CHECK_FALSE(write_npz(Arrays{{"a", {3}, {1}}}).has_value());
  CHECK_FALSE(write_npz(Arrays{{"a", {-1}, {}}}).has_value());
  CHECK_FALSE(write_npz(Arrays{{"a/b", {1}, {1}}}).has_value());
  CHECK_FALSE(write_npz(Arrays{{"a", {1}, {1}}, {"a", {1}, {1}}}).has_value());
}

TEST_CASE("parse_npz rejects every truncated prefix", "[npz]") {
  pxos::test::for_each_truncation(
      archive(), [](Bytes prefix) { REQUIRE_FALSE(parse_npz(prefix).has_value()); });
}

TEST_CASE("parse_npz survives ten thousand mutations", "[npz]") {
  const ByteVector bytes = archive();
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const auto parsed = parse_npz(pxos::test::mutate(bytes, i));
    if (!parsed) REQUIRE(parsed.error().message.find('\n') == std::string::npos);
  }
}

TEST_CASE("NumPy's own archive is read", "[npz][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm");
  const auto parsed = parse_npz(pxos::read_file(folder / "pixellm_v0.untrained.npz").value());
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->size() == 5);
  CHECK(parsed->at(0).name == "embed");
  CHECK(parsed->at(0).shape == std::vector<std::int64_t>{1024, 128});
}
