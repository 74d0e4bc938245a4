// Program images: PNG to pixels to program to verifier. What decodes must encode to the same
// pixels; what the verifier accepts must be linkable or refused, without harm.

#include "pixelfs/png.hpp"
#include "pxvm/base/checked.hpp"
#include "pxvm/base/hash.hpp"
#include "pxvm/isa/image.hpp"
#include "pxvm/isa/verify.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>

namespace {

/// Puts the digest in the header right for whatever the sections hold, as far as the header can be
/// followed; no mutation would survive it otherwise.
void repair_digest(pxos::isa::RgbImage& image) {
  constexpr std::uint64_t kSectionsAt = 12;  // after magic, two versions, count
  constexpr std::uint64_t kRowBytes = std::uint64_t{pxos::isa::kProgramImageWidth} * 3;
  pxos::ByteReader header(image.rgb);
  if (!header.seek(kSectionsAt - 2, "count")) return;
  const std::uint16_t count = header.u16("count").value_or(0);
  pxos::Xxh128Stream hash;
  for (std::uint16_t i = 0; i < count && i < 16; ++i) {
    static_cast<void>(header.u16("kind"));
    const std::uint64_t row = header.u32("row").value_or(0);
    const std::uint64_t bytes = header.u32("bytes").value_or(0);
    if (!pxos::range_fits(row * kRowBytes, bytes, image.rgb.size())) return;
    hash.update(pxos::Bytes(image.rgb).subspan(row * kRowBytes, bytes));
  }
  pxos::ByteWriter digest;
  digest.u64(hash.digest().low);
  digest.u64(hash.digest().high);
  if (header.remaining() < digest.size()) return;
  std::copy(digest.view().begin(), digest.view().end(),
            image.rgb.begin() + static_cast<std::ptrdiff_t>(header.position()));
}

void decode_and_verify(const pxos::isa::RgbImage& image) {
  const auto program = pxos::isa::decode_program(image);
  if (!program) return;
  const auto again = pxos::isa::encode_program(*program);
  PX_ASSERT(again && pxos::isa::decode_program(*again));
  static_cast<void>(pxos::isa::verify(*program));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pxos::Bytes input(data, size);
  const pxos::pixelfs::PngLimits limits{
      .max_width = 4096, .max_height = 4096, .max_pixels = 1U << 20U};
  auto png = pxos::pixelfs::decode_png(input, limits);
  if (png && png->channels == 3) {
    decode_and_verify({png->width, png->height, std::move(png->pixels)});
  }
  // The pixels themselves, so that the fuzzer need not learn deflate and two checksums.
  const std::uint32_t row_bytes = pxos::isa::kProgramImageWidth * 3;
  const auto rows = static_cast<std::uint32_t>(size / row_bytes);
  const pxos::Bytes pixels = input.first(std::size_t{rows} * row_bytes);
  pxos::isa::RgbImage image{pxos::isa::kProgramImageWidth, rows, {pixels.begin(), pixels.end()}};
  decode_and_verify(image);
  repair_digest(image);
  decode_and_verify(image);
  return 0;
}
