#include "pixelfs/sheet.hpp"

#include "pixelfs/sheet_directory.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <chrono>

#include <catch2/catch.hpp>
#include <lodepng.h>

using namespace pxos;
using pixelfs::Sheet;
using pixelfs::SheetLayout;
using tensor::DType;

namespace {

std::vector<test::TestTensor> small_tensors() {
  return {test::make_tensor("a", DType::kF16, SheetLayout::kPacked16, {3, 9}, 1),
          test::make_tensor("n", DType::kF16, SheetLayout::kLinear, {11}, 2)};
}

ByteVector small_sheet() {
  return test::write_all(small_tensors(), {1024, 100}).front().bytes;
}

/// Opens and reads everything; equal canonical bytes or an error.
void check_damaged(const pixelfs::AlignedBytes& file) {
  constexpr pixelfs::SheetOpen kCaps{{1U << 14U, 1U << 14U, 1U << 22U}};
  auto sheet = Sheet::open(file.view(), kCaps);
  if (!sheet) {
    REQUIRE(sheet.error().message.find('\n') == std::string::npos);
    return;
  }
  std::vector<Sheet> sheets;
  sheets.push_back(*std::move(sheet));
  const auto set = pixelfs::WeightSet::open(std::move(sheets));
  if (!set || !set->verify()) return;
  for (const auto& t : small_tensors()) REQUIRE(test::canonical_of(*set, t.input.name) == *t.bytes);
}

ByteVector resave(Bytes file, unsigned channels) {
  const auto image = pixelfs::decode_png(file);
  std::vector<unsigned char> pixels;
  for (std::size_t i = 0; i < image->pixels.size(); i += 3) {
    pixels.insert(pixels.end(), image->pixels.begin() + static_cast<std::ptrdiff_t>(i),
                  image->pixels.begin() + static_cast<std::ptrdiff_t>(i + 3));
    if (channels == 4) pixels.push_back(255);
  }
  lodepng::State state;
  state.encoder.auto_convert = 0;
  state.info_raw.colortype = state.info_png.color.colortype = channels == 4 ? LCT_RGBA : LCT_RGB;
  std::vector<unsigned char> out;
  lodepng::encode(out, pixels, image->width, image->height, state);
  return out;
}

}  // namespace

TEST_CASE("lodepng sees the pixels that lie in the file", "[pixelfs]") {
  for (const auto& file : test::write_all(test::mixed_tensors(), {5000, 100})) {
    const auto bytes = test::aligned(file.bytes);
    const auto sheet = Sheet::open(bytes.view());
    REQUIRE(sheet);
    REQUIRE(sheet->in_place());
    std::vector<unsigned char> pixels;
    unsigned w = 0;
    unsigned h = 0;
    REQUIRE(lodepng::decode(pixels, w, h, file.bytes, LCT_RGB) == 0);
    REQUIRE(w == sheet->width());
    REQUIRE(h == sheet->scanlines());
    for (std::uint32_t y = 0; y < h; ++y) {
      const Bytes line = sheet->scanline(y);
      REQUIRE(std::equal(line.begin(), line.end(), pixels.begin() + std::ptrdiff_t{y} * w * 3));
    }
  }
}

TEST_CASE("a lossless re-save takes the slow path with the same digests and bytes", "[pixelfs]") {
  const auto tensors = test::mixed_tensors();
  for (const unsigned channels : {3U, 4U}) {
    std::vector<pixelfs::AlignedBytes> files;
    for (const auto& file : test::write_all(tensors, {5000, 40}))
      files.push_back(test::aligned(resave(file.bytes, channels)));
    const auto set = test::open_files(files);
    REQUIRE(set);
    REQUIRE_FALSE(set->sheets()[0].in_place());
    REQUIRE(set->slow_note().find("decoded") != std::string::npos);
    REQUIRE(set->verify());
    for (const auto& t : tensors) REQUIRE(test::canonical_of(*set, t.input.name) == *t.bytes);
  }
}

TEST_CASE("a misaligned address is decoded, not mapped", "[pixelfs]") {
  const ByteVector file = small_sheet();
  auto room = *pixelfs::AlignedBytes::create(file.size() + 1);
  std::copy(file.begin(), file.end(), room.bytes().begin() + 1);
  const auto sheet = Sheet::open(room.view().subspan(1));
  REQUIRE(sheet);
  REQUIRE_FALSE(sheet->in_place());
}

TEST_CASE("Sheet::open rejects every truncated prefix", "[pixelfs]") {
  const ByteVector file = small_sheet();
  for (std::size_t n = 0; n < file.size(); ++n) {
    const auto prefix = test::aligned(Bytes(file).first(n));
    const auto sheet = Sheet::open(prefix.view());
    REQUIRE_FALSE(sheet);
    REQUIRE(sheet.error().message.find('\n') == std::string::npos);
  }
}

TEST_CASE("10 000 random bit flips give an error or the same weights", "[pixelfs]") {
  const ByteVector file = small_sheet();
  CounterRng rng(4);
  for (int i = 0; i < 10000; ++i)
    check_damaged(test::aligned(test::flip_bit(file, rng.next_u32())));
}

TEST_CASE("mutated sheets give an error or the same weights", "[pixelfs]") {
  const ByteVector file = small_sheet();
  for (std::uint64_t n = 0; n < 2000; ++n) check_damaged(test::aligned(test::mutate(file, n)));
}

TEST_CASE("other pictures are not sheets, however large they claim to be", "[pixelfs]") {
  const ByteVector png = *pixelfs::encode_png({30, 30, 3, test::noise(2700, 1)});
  REQUIRE(Sheet::open(png).error().message.find("not a sheet") != std::string::npos);
  REQUIRE_FALSE(Sheet::open({}));
  const ByteVector tiny = *pixelfs::encode_png({2, 1, 3, as_bytes("pxSHET")});
  REQUIRE(Sheet::open(tiny).error().code == Errc::kInvalid);
}

TEST_CASE("a newer version is refused with both numbers", "[pixelfs]") {
  ByteVector pixels(300);
  const std::string_view magic = "pxSHET";
  std::copy(magic.begin(), magic.end(), pixels.begin());
  pixels[6] = 2;
  const auto sheet = Sheet::open(*pixelfs::encode_png({100, 1, 3, pixels}));
  REQUIRE(sheet.error().code == Errc::kUnsupported);
  REQUIRE(sheet.error().message.find("version 2") != std::string::npos);
}

TEST_CASE("opening in place touches the directory only and takes well under a millisecond",
          "[pixelfs]") {
  std::vector<test::TestTensor> tensors;
  for (std::uint64_t i = 0; i < 300; ++i) {
    tensors.push_back(test::make_tensor("blk." + std::to_string(i) + ".weight", DType::kQ8_0,
                                        SheetLayout::kPacked16, {64, 256}, i));
  }
  const auto file = test::aligned(test::write_all(tensors).front().bytes);
  double best = 1;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto sheet = Sheet::open(file.view());
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    REQUIRE(sheet);
  }
  WARN("open of " << file.view().size() << " bytes, 300 tensors: " << best * 1e6 << " us");
  REQUIRE(best < 0.02);  // generous: sanitizer builds run it too
}
