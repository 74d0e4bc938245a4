#include "pixelfs/pixel_space.hpp"

#include "pixelfs/png.hpp"
#include "pxvm/base/checked.hpp"
#include "tests/pixelfs/volume_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::PixelReader;
using pixelfs::PixelWriter;

namespace {

constexpr std::uint32_t kLine = 66;

/// A picture whose scanline 0 is `first` and whose further pixel bytes are `rest`.
ByteVector picture(Bytes first, Bytes rest) {
  pixelfs::MemoryStore store;
  const auto blob = store.create("p");
  auto writer = PixelWriter::create(**blob, kLine);
  REQUIRE(writer);
  CHECK(writer->position() == kLine);
  REQUIRE(writer->write(rest));
  CHECK(writer->position() == kLine + rest.size());
  REQUIRE(writer->finish(first));
  REQUIRE((*blob)->publish());
  return test::all_of(store, "p");
}

ByteVector expected_pixels(Bytes first, Bytes rest) {
  ByteVector out(first.begin(), first.end());
  out.resize(kLine);
  out.insert(out.end(), rest.begin(), rest.end());
  out.resize(round_up(out.size(), kLine));
  return out;
}

}  // namespace

TEST_CASE("PixelWriter makes a PNG that any decoder reads", "[pixelfs]") {
  const ByteVector first = {'m', 'a', 'g', 'i', 'c'};
  for (const std::size_t size : {0U, 1U, 65U, 66U, 67U, 660U, 70'001U}) {
    const ByteVector rest = test::random_bytes(size, size);
    const ByteVector file = picture(first, rest);
    const auto image = pixelfs::decode_png(file);  // checks every CRC and the Adler-32
    REQUIRE(image);
    CHECK(image->pixels == expected_pixels(first, rest));
    const auto geometry = pixelfs::read_geometry(file);
    REQUIRE(geometry);
    CHECK(pixelfs::check_framing(file, *geometry));
  }
}

TEST_CASE("finish_line fills with zeros and does nothing to an empty line", "[pixelfs]") {
  pixelfs::MemoryStore store;
  const auto blob = store.create("p");
  auto writer = PixelWriter::create(**blob, kLine);
  REQUIRE(writer->finish_line());
  CHECK(writer->position() == kLine);
  REQUIRE(writer->write(ByteVector{1, 2}));
  REQUIRE(writer->finish_line());
  CHECK(writer->position() == 2 * kLine);
  REQUIRE(writer->finish_line());
  CHECK(writer->position() == 2 * kLine);
  CHECK(writer->scanlines() == 2);
}

TEST_CASE("PixelReader reads any range, in place and decoded alike", "[pixelfs]") {
  const ByteVector first = {'m', 'a', 'g', 'i', 'c'};
  const ByteVector rest = test::random_bytes(1000, 3);
  const ByteVector file = picture(first, rest);
  const ByteVector pixels = expected_pixels(first, rest);
  // What an image editor makes of it: other chunks, other compression.
  const ByteVector saved = *pixelfs::encode_png(*pixelfs::decode_png(file));
  for (const ByteVector& bytes : {file, saved}) {
    const auto reader = PixelReader::open(pixelfs::memory_blob(bytes), "magic");
    REQUIRE(reader);
    CHECK(reader->in_place() == (bytes == file));
    CHECK(reader->slow_reason().empty() == reader->in_place());
    CHECK(reader->size_bytes() == pixels.size());
    for (std::size_t offset = 0; offset <= pixels.size(); offset += 7) {
      const std::size_t size = std::min<std::size_t>(pixels.size() - offset, offset % 200);
      ByteVector out(size);
      REQUIRE(reader->read(offset, out));
      const auto from = pixels.begin() + static_cast<std::ptrdiff_t>(offset);
      CHECK(std::equal(out.begin(), out.end(), from));
      const Bytes view = reader->view(offset, size);
      CHECK((view.empty() || std::equal(view.begin(), view.end(), from)));
    }
    ByteVector two(2);
    CHECK_FALSE(reader->read(pixels.size() - 1, two));
    CHECK_FALSE(reader->read(~std::uint64_t{0}, two));
    CHECK(reader->view(pixels.size() - 1, 2).empty());
  }
}

TEST_CASE("a copy with alpha is read when it is opaque", "[pixelfs]") {
  const ByteVector file = picture(as_bytes("magic"), test::random_bytes(300, 3));
  const pixelfs::Image rgb = *pixelfs::decode_png(file);
  pixelfs::Image rgba{rgb.width, rgb.height, 4, {}};
  for (std::size_t i = 0; i < rgb.pixels.size(); ++i) {
    rgba.pixels.push_back(rgb.pixels[i]);
    if (i % 3 == 2) rgba.pixels.push_back(255);
  }
  CHECK(PixelReader::open(pixelfs::memory_blob(*pixelfs::encode_png(rgba)), "magic"));
  rgba.pixels.back() = 254;
  CHECK_FALSE(PixelReader::open(pixelfs::memory_blob(*pixelfs::encode_png(rgba)), "magic"));
}

TEST_CASE("another picture, a large one and every truncated prefix are refused", "[pixelfs]") {
  const ByteVector file = picture(as_bytes("magic"), test::random_bytes(200, 3));
  const ByteVector saved = *pixelfs::encode_png(*pixelfs::decode_png(file));
  CHECK_FALSE(PixelReader::open(pixelfs::memory_blob(saved), "other"));
  pixelfs::PngLimits few;
  few.max_pixels = 50;
  CHECK(PixelReader::open(pixelfs::memory_blob(saved), "magic", few).error().code == Errc::kLimit);
  for (const ByteVector& bytes : {file, saved}) {
    test::for_each_truncation(bytes, [](Bytes prefix) {
      const ByteVector cut(prefix.begin(), prefix.end());
      CHECK_FALSE(PixelReader::open(pixelfs::memory_blob(cut), "magic"));
    });
  }
}

TEST_CASE("scanlines that a PNG of ours cannot have are refused", "[pixelfs]") {
  pixelfs::MemoryStore store;
  const auto blob = store.create("p");
  for (const std::uint32_t bytes : {0U, 63U, 67U, 65'535U}) {
    CHECK(PixelWriter::create(**blob, bytes).error().code == Errc::kUsage);
  }
}

TEST_CASE("adler32_joined equals the Adler-32 of the joined bytes", "[pixelfs]") {
  for (const std::size_t size : {0U, 1U, 100U, 65'521U, 200'000U}) {
    const ByteVector a = test::random_bytes(1000 + size / 3, 1);
    const ByteVector b = test::random_bytes(size, 2);
    ByteVector both = a;
    both.insert(both.end(), b.begin(), b.end());
    CHECK(pixelfs::adler32_joined(pixelfs::adler32(a), pixelfs::adler32(b), b.size()) ==
          pixelfs::adler32(both));
  }
}
