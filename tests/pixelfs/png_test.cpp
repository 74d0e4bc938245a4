#include "pixelfs/png.hpp"

#include "pixelfs/first_pixels.hpp"
#include "pixelfs/png_chunks.hpp"
#include "pxvm/base/file.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <filesystem>
#include <vector>

#include <catch2/catch.hpp>
#include <lodepng.h>

using namespace pxos;
using pixelfs::PngCompression;

namespace {

constexpr pixelfs::PngLimits kSmall{1U << 14U, 1U << 14U, 1U << 22U};

/// lodepng's own reading of a file, without conversion.
struct LodeImage {
  unsigned error = 0;
  std::vector<unsigned char> pixels;
};
LodeImage lode_decode(Bytes file) {
  LodeImage out;
  lodepng::State state;
  state.decoder.color_convert = 0;
  unsigned w = 0;
  unsigned h = 0;
  out.error = lodepng::decode(out.pixels, w, h, state, file.data(), file.size());
  return out;
}

/// Errors are one line; pictures are within the caps and hold what their header says.
void check_outcome(const Result<pixelfs::Image>& image) {
  if (!image) {
    REQUIRE_FALSE(image.error().message.empty());
    REQUIRE(image.error().message.find('\n') == std::string::npos);
    return;
  }
  REQUIRE(std::uint64_t{image->width} * image->height <= kSmall.max_pixels);
  REQUIRE(image->pixels.size() == std::size_t{image->width} * image->height * image->channels);
}

ByteVector header_only(std::uint32_t width, std::uint32_t height) {
  ByteVector out;
  pixelfs::put_png_header(out, width, height, 3);
  return out;
}

}  // namespace

TEST_CASE("encode and decode are inverse for every channel count and compression", "[pixelfs]") {
  for (const std::uint32_t channels : {1U, 3U, 4U}) {
    for (const auto compression :
         {PngCompression::kStored, PngCompression::kFast, PngCompression::kDefault}) {
      for (const std::uint32_t width : {1U, 2U, 17U, 300U}) {
        const ByteVector pixels = test::noise(std::size_t{width} * 7 * channels, width);
        const auto png = pixelfs::encode_png({width, 7, channels, pixels}, {compression, {}});
        REQUIRE(png);
        const auto image = pixelfs::decode_png(*png);
        REQUIRE(image);
        REQUIRE(image->channels == channels);
        REQUIRE(image->pixels == pixels);
        REQUIRE(lode_decode(*png).pixels == pixels);
        REQUIRE(*pixelfs::encode_png(*image, {compression, {}}) == *png);
      }
    }
  }
}

TEST_CASE("flat pictures keep their channels: no palette, no grey reduction", "[pixelfs]") {
  const ByteVector pixels(64 * 64 * 3, 9);
  const auto png = pixelfs::encode_png({64, 64, 3, pixels});
  REQUIRE(pixelfs::probe_png(*png)->channels == 3);
  REQUIRE(pixelfs::decode_png(*png)->pixels == pixels);
}

TEST_CASE("every filter is undone as lodepng undoes it", "[pixelfs]") {
  const ByteVector pixels = test::noise(31 * 40 * 4, 5);
  for (unsigned strategy = 0; strategy <= 4; ++strategy) {
    lodepng::State state;
    state.encoder.auto_convert = 0;
    state.encoder.filter_palette_zero = 0;
    state.encoder.filter_strategy = LFS_PREDEFINED;
    const std::vector<unsigned char> filters(40, static_cast<unsigned char>(strategy));
    state.encoder.predefined_filters = filters.data();
    std::vector<unsigned char> png;
    REQUIRE(lodepng::encode(png, pixels, 31, 40, state) == 0);
    REQUIRE(pixelfs::decode_png(png)->pixels == pixels);
    const auto first = pixelfs::peek_png_pixels(png, 20);
    REQUIRE(first);
    REQUIRE(std::equal(first->begin(), first->end(), pixels.begin()));
  }
}

TEST_CASE("sizes above the caps are refused from the header alone", "[pixelfs]") {
  const auto huge = pixelfs::decode_png(header_only(0x7FFFFFFF, 0x7FFFFFFF));
  REQUIRE(huge.error().code == Errc::kLimit);
  REQUIRE(pixelfs::decode_png(header_only(5000, 5000), kSmall).error().code == Errc::kLimit);
  REQUIRE(pixelfs::probe_png(header_only(0, 5)).error().code == Errc::kInvalid);
  REQUIRE(pixelfs::probe_png(header_only(5, 0x80000000U)).error().code == Errc::kInvalid);
}

TEST_CASE("a stream that expands beyond its picture is refused", "[pixelfs]") {
  ByteVector png = header_only(2, 2);
  const ByteVector bomb = *pixelfs::encode_png({4000, 1000, 3, ByteVector(12000000)});
  const auto idat = pixelfs::chunk_at(bomb, pixelfs::kPngHeaderBytes);
  pixelfs::put_chunk(png, "IDAT", idat->data);
  pixelfs::put_chunk(png, "IEND", {});
  REQUIRE(pixelfs::decode_png(png).error().code == Errc::kLimit);
}

TEST_CASE("every truncated prefix of a PNG is an error", "[pixelfs]") {
  for (const auto compression : {PngCompression::kStored, PngCompression::kDefault}) {
    const ByteVector png = *pixelfs::encode_png({6, 5, 3, test::noise(90, 2)}, {compression, {}});
    test::for_each_truncation(png,
                              [](Bytes prefix) { REQUIRE_FALSE(pixelfs::decode_png(prefix)); });
  }
}

TEST_CASE("mutated PNGs are errors or pictures, never worse", "[pixelfs]") {
  const ByteVector png = *pixelfs::encode_png({40, 30, 4, test::noise(4800, 2)});
  for (std::uint64_t n = 0; n < 3000; ++n) {
    const ByteVector damaged = test::mutate(png, n);
    check_outcome(pixelfs::decode_png(damaged, kSmall));
    (void)pixelfs::peek_png_pixels(damaged, 8);
    (void)pixelfs::find_png_chunk(damaged, "paCk");
  }
}

TEST_CASE("deflate round trip, cap and damage", "[pixelfs]") {
  ByteVector plain = test::noise(5000, 1);
  plain.resize(20000, 7);
  const ByteVector packed = *pixelfs::deflate_raw(plain);
  REQUIRE(*pixelfs::inflate_raw(packed, plain.size()) == plain);
  REQUIRE(pixelfs::inflate_raw(packed, plain.size() - 1).error().code == Errc::kLimit);
  REQUIRE(pixelfs::inflate_raw(*pixelfs::deflate_raw(ByteVector(1U << 24U)), 1000).error().code ==
          Errc::kLimit);
  REQUIRE(pixelfs::inflate_raw(*pixelfs::deflate_raw({}), 0)->empty());
  for (std::uint64_t n = 0; n < 500; ++n) {
    const auto damaged = pixelfs::inflate_raw(test::mutate(packed, n), 30000);
    REQUIRE((!damaged || damaged->size() <= 30000));
  }
  test::for_each_truncation(Bytes(packed).first(200),
                            [](Bytes prefix) { (void)pixelfs::inflate_raw(prefix, 30000); });
}

TEST_CASE("PngSuite: plain 8-bit pictures equal lodepng's, everything else is refused by name",
          "[pixelfs]") {
  const auto folder = test::conformance("png/pngsuite");
  if (!folder) return test::skip("no conformance data (png/pngsuite)");
  std::size_t decoded = 0;
  std::size_t refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder)) {
    if (entry.path().extension() != ".png") continue;
    const ByteVector file = *read_file(entry.path());
    const auto image = pixelfs::decode_png(file, kSmall);
    check_outcome(image);
    INFO(entry.path().filename().string() << ": " << (image ? "decoded" : image.error().message));
    if (image) {
      ++decoded;
      // lodepng also checks the CRC of chunks that do not touch pixels; we do not.
      const LodeImage other = lode_decode(file);
      constexpr unsigned kLodeBadCrc = 57;
      REQUIRE((other.error == kLodeBadCrc || other.pixels == image->pixels));
    } else {
      ++refused;
      // A corrupt file ("x*") may be refused for any reason, an intact one only as unsupported.
      const bool corrupt = entry.path().filename().string().starts_with("x");
      REQUIRE((corrupt || image.error().code == Errc::kUnsupported));
    }
  }
  REQUIRE(decoded > 20);
  REQUIRE(refused > 50);
}

TEST_CASE("the PNG fuzz corpus never does harm", "[pixelfs]") {
  const auto folder = test::conformance("png/fuzz-corpus");
  if (!folder) return test::skip("no conformance data (png/fuzz-corpus)");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*folder)) {
    if (!entry.is_regular_file()) continue;
    const ByteVector file = *read_file(entry.path());
    check_outcome(pixelfs::decode_png(file, kSmall));
    (void)pixelfs::peek_png_pixels(file, 64);
    (void)pixelfs::first_rgb_bytes(file, 8);
    (void)pixelfs::find_png_chunk(file, "paCk");
    (void)pixelfs::png_length(file);
    ++files;
  }
  REQUIRE(files > 1000);
}
