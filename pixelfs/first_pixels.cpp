#include "pixelfs/first_pixels.hpp"

#include "pixelfs/png.hpp"

namespace pxos::pixelfs {

Result<ByteVector> first_rgb_bytes(Bytes file, std::size_t count) {
  PX_TRY(const PngHeader header, probe_png(file));
  // One pixel more than needed, so that a count that is no multiple of three is covered.
  const std::size_t pixels = count / 3 + 1;
  PX_TRY(const ByteVector row,
         peek_png_pixels(file, static_cast<std::uint32_t>(pixels * header.channels)));
  ByteVector out;
  for (std::size_t i = 0; i + header.channels <= row.size(); i += header.channels) {
    for (std::size_t k = 0; k < 3; ++k) out.push_back(row[header.channels == 1 ? i : i + k]);
  }
  if (out.size() > count) out.resize(count);
  return out;
}

}  // namespace pxos::pixelfs
