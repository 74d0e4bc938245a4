// Program images: PNG to pixels to program to verifier. What decodes must encode to the same
// pixels; what the verifier accepts must be linkable or refused, without harm.

#include "pixelfs/png.hpp"
#include "pxvm/isa/image.hpp"
#include "pxvm/isa/verify.hpp"
#include "tests/fuzz/target.hpp"

namespace {

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
  decode_and_verify({pxos::isa::kProgramImageWidth, rows, {pixels.begin(), pixels.end()}});
  return 0;
}
