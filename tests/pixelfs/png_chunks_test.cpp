#include "pixelfs/png_chunks.hpp"

#include "pixelfs/png.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace pxos;

namespace {

ByteVector small_png() {
  const ByteVector pixels = test::noise(5 * 4 * 3, 1);
  return *pixelfs::encode_png({5, 4, 3, pixels});
}

pixelfs::PngChunk make_chunk(std::string_view type, ByteVector data) {
  pixelfs::PngChunk chunk;
  std::copy(type.begin(), type.end(), chunk.type.begin());
  chunk.data = std::move(data);
  return chunk;
}

}  // namespace

TEST_CASE("an inserted chunk is found and the pixels stay", "[pixelfs]") {
  const ByteVector png = small_png();
  const auto with = pixelfs::insert_png_chunk(png, make_chunk("paCk", {1, 2, 3}));
  REQUIRE(with);
  const auto found = pixelfs::find_png_chunk(*with, "paCk");
  REQUIRE(found);
  REQUIRE(found->has_value());
  REQUIRE(std::equal((*found)->begin(), (*found)->end(), ByteVector{1, 2, 3}.begin()));
  REQUIRE(pixelfs::decode_png(*with)->pixels == pixelfs::decode_png(png)->pixels);
  REQUIRE_FALSE(pixelfs::find_png_chunk(png, "paCk")->has_value());
}

TEST_CASE("encode_png writes its chunks in order before IDAT", "[pixelfs]") {
  const ByteVector pixels = test::noise(12, 1);
  pixelfs::PngEncode options;
  options.chunks = {make_chunk("aaAa", {1}), make_chunk("bbBb", {2})};
  const ByteVector png = *pixelfs::encode_png({2, 2, 3, pixels}, options);
  const auto first = pixelfs::chunk_at(png, pixelfs::kPngHeaderBytes);
  REQUIRE(first->type == "aaAa");
  REQUIRE(pixelfs::chunk_at(png, first->end())->type == "bbBb");
}

TEST_CASE("a chunk with a wrong CRC or type is refused", "[pixelfs]") {
  ByteVector png = *pixelfs::insert_png_chunk(small_png(), make_chunk("paCk", {1, 2, 3}));
  png[pixelfs::kPngHeaderBytes + 8] ^= 1;
  REQUIRE(pixelfs::find_png_chunk(png, "paCk").error().code == Errc::kInvalid);
  for (const char* type : {"PaCk", "pack", "p1Ck"}) {
    REQUIRE(pixelfs::insert_png_chunk(small_png(), make_chunk(type, {})).error().code ==
            Errc::kUsage);
  }
}

TEST_CASE("png_length ends after IEND and sees every truncation", "[pixelfs]") {
  ByteVector png = small_png();
  const std::uint64_t length = png.size();
  test::for_each_truncation(png, [](Bytes prefix) {
    REQUIRE_FALSE(pixelfs::png_length(prefix));
    (void)pixelfs::find_png_chunk(prefix, "paCk");
  });
  png.insert(png.end(), 100, 7);
  REQUIRE(*pixelfs::png_length(png) == length);
  REQUIRE(pixelfs::decode_png(png));
}
