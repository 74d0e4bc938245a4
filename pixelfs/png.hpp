#pragma once
// PNG pixels in and out, without ever changing a byte of a pixel: no palette, gamma, ICC or depth
// conversion (a converted pixel is a changed opcode). The header is probed and capped before
// anything is allocated. Pure functions, thread-safe. lodepng is included by png.cpp only.

#include "pxvm/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pxos::pixelfs {

/// Caps that hold before decoding starts. The defaults admit the largest sheet (16 000 x 16 000).
struct PngLimits {
  std::uint32_t max_width = 1U << 20U;
  std::uint32_t max_height = 1U << 20U;
  std::uint64_t max_pixels = std::uint64_t{1} << 28U;
};

/// IHDR of an accepted PNG: 8 bits per channel, not interlaced.
struct PngHeader {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;  ///< 1 grey, 3 RGB, 4 RGBA
};

/// Rows without padding: channel k of pixel (x, y) at pixels[(y * width + x) * channels + k].
struct Image {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;
  ByteVector pixels;
};

struct ImageView {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;
  Bytes pixels;

  ImageView() = default;
  ImageView(std::uint32_t w, std::uint32_t h, std::uint32_t c, Bytes bytes)
      : width(w), height(h), channels(c), pixels(bytes) {}
  ImageView(const Image& image)  // NOLINT(google-explicit-constructor): every Image is a view
      : ImageView(image.width, image.height, image.channels, image.pixels) {}
};

/// True when `file` starts with the eight PNG signature bytes.
[[nodiscard]] bool is_png(Bytes file);

/// Reads signature and IHDR only; the caps are not applied.
/// Errors: kInvalid for a damaged header; kUnsupported names palette, 16 bit, interlace, grey +
/// alpha.
Result<PngHeader> probe_png(Bytes file);

/// Decodes the whole picture. Bytes after IEND are ignored.
/// Errors: those of probe_png; kLimit before any allocation; kInvalid for damage (CRC, deflate,
/// Adler-32).
Result<Image> decode_png(Bytes file, const PngLimits& limits = {});

enum class PngCompression : std::uint8_t { kStored, kFast, kDefault };

/// One ancillary chunk. `type` is four ASCII letters, the first in lower case.
struct PngChunk {
  std::array<char, 4> type{};
  ByteVector data;
};

struct PngEncode {
  PngCompression compression = PngCompression::kDefault;
  std::vector<PngChunk> chunks;  ///< written between IHDR and the first IDAT, in order
};

/// Encodes exactly these pixels with exactly this channel count; same input, same bytes.
/// Errors: kUsage when the view's size and its pixels disagree or channels is not 1, 3 or 4.
Result<ByteVector> encode_png(const ImageView& image, const PngEncode& options = {});

/// The first chunk of this type before IDAT, borrowed from `file`; nullopt when there is none.
/// Errors: kInvalid for a damaged chunk list or a wrong CRC of that chunk.
Result<std::optional<Bytes>> find_png_chunk(Bytes file, std::string_view type);

/// `file` with one more ancillary chunk right after IHDR. Errors: kInvalid; kUsage for a bad type.
Result<ByteVector> insert_png_chunk(Bytes file, const PngChunk& chunk);

/// Bytes from the signature to the end of IEND (a cartridge's payload starts after it).
/// Walks chunk headers only; CRCs are not checked.
Result<std::uint64_t> png_length(Bytes file);

/// The first `count` bytes of the pixel rows (fewer when the picture is smaller), decoded without
/// decoding the rest; serves to look at a magic. Only row 0 is looked at.
Result<ByteVector> peek_png_pixels(Bytes file, std::uint32_t count);

/// Raw deflate (RFC 1951) as in a zip member. Errors: kLimit above `max_bytes`; kInvalid for
/// damage.
Result<ByteVector> inflate_raw(Bytes deflated, std::uint64_t max_bytes);
/// Raw deflate of `plain`; inverse of inflate_raw.
Result<ByteVector> deflate_raw(Bytes plain);
/// zlib stream (RFC 1950): header, deflate, Adler-32.
Result<ByteVector> inflate_zlib(Bytes stream, std::uint64_t max_bytes);

/// CRC-32 of PNG and zip (reflected 0xEDB88320); `crc` continues an earlier value.
[[nodiscard]] std::uint32_t crc32(Bytes bytes, std::uint32_t crc = 0);
/// Adler-32 of zlib; `adler` continues an earlier value.
[[nodiscard]] std::uint32_t adler32(Bytes bytes, std::uint32_t adler = 1);

}  // namespace pxos::pixelfs
