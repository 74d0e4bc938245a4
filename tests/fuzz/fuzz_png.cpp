// PNG as any file may claim to be it: probing, chunk lists, decoding, deflate. The pixel cap keeps
// a legal but huge picture from taking all the time.

#include "pixelfs/kind.hpp"
#include "pixelfs/png.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace pixelfs = pxos::pixelfs;
  const pxos::Bytes input(data, size);
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 22U;
  const pixelfs::PngLimits limits{.max_width = 4096, .max_height = 4096, .max_pixels = 1U << 20U};
  static_cast<void>(pixelfs::identify(input));
  static_cast<void>(pixelfs::probe_png(input));
  static_cast<void>(pixelfs::find_png_chunk(input, "pxLD"));
  static_cast<void>(pixelfs::png_length(input));
  static_cast<void>(pixelfs::peek_png_pixels(input, 64));
  static_cast<void>(pixelfs::inflate_raw(input, kMaxBytes));
  static_cast<void>(pixelfs::inflate_zlib(input, kMaxBytes));
  const auto image = pixelfs::decode_png(input, limits);
  if (!image) return 0;
  // What was accepted is a whole picture, and survives a round trip.
  const auto again = pixelfs::encode_png(*image);
  PX_ASSERT(again && pixelfs::decode_png(*again)->pixels == image->pixels);
  return 0;
}
