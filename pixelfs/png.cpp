// Decoding walks the chunks itself, so that the inflater's output cap is exactly the picture's
// size: a bomb behind a small IHDR never allocates more than the header promised. lodepng inflates,
// deflates and encodes.

#include "pixelfs/png.hpp"

#include "pixelfs/png_chunks.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <lodepng.h>

namespace pxos::pixelfs {
namespace {

/// lodepng allocates with malloc; the buffer is owned from the moment the call returns, error or
/// not.
struct FreeDeleter {
  void operator()(unsigned char* p) const { std::free(p); }
};
using LodeBuffer = std::unique_ptr<unsigned char[], FreeDeleter>;

constexpr unsigned kLodeOutputCap = 109;  // lodepng: "tried to produce more than max_output_size"

ByteVector to_vector(const LodeBuffer& buffer, std::size_t size) {
  return size == 0 ? ByteVector{} : ByteVector(buffer.get(), buffer.get() + size);
}

/// Channels of the pixels as they lie in the stream. Palette, 16-bit and grey + alpha pictures
/// would need a conversion before their bytes mean anything to us, so they are refused with their
/// name. Errors: kUnsupported for a real PNG type we do not take, kInvalid for one that does not
/// exist.
Result<std::uint32_t> channels_of(std::uint8_t depth, std::uint8_t color_type) {
  if (depth != 8) return fail(Errc::kUnsupported, "PNG has {} bits per channel, expected 8", depth);
  switch (color_type) {
    case 0:
      return 1U;
    case 2:
      return 3U;
    case 6:
      return 4U;
    case 3:
      return fail(Errc::kUnsupported, "PNG has a palette; expected RGB, RGBA or grey pixels");
    case 4:
      return fail(Errc::kUnsupported, "PNG is grey with alpha; expected RGB, RGBA or grey");
    default:
      return fail(Errc::kInvalid, "PNG colour type {} does not exist", color_type);
  }
}

/// The zlib stream of the picture, its IDAT chunks joined.
Result<ByteVector> join_idat(Bytes file) {
  ByteVector stream;
  bool seen = false;
  bool closed = false;
  for (std::uint64_t offset = kPngSignatureBytes;;) {
    PX_TRY(const ChunkRef chunk, chunk_at(file, offset));
    if (chunk.critical() && chunk.stored_crc != chunk.actual_crc()) {
      return fail(Errc::kInvalid, "PNG chunk {} at byte {}: CRC {:08x}, expected {:08x}",
                  chunk.type, offset, chunk.stored_crc, chunk.actual_crc());
    }
    if (chunk.type == "IEND") break;
    if (chunk.type == "IDAT") {
      if (closed)
        return fail(Errc::kInvalid, "PNG IDAT at byte {}: IDAT chunks are not adjacent", offset);
      seen = true;
      stream.insert(stream.end(), chunk.data.begin(), chunk.data.end());
    } else {
      closed = seen;
      const bool known =
          chunk.type == "PLTE" || (chunk.type == "IHDR" && offset == kPngSignatureBytes);
      if (chunk.critical() && !known) {
        return fail(Errc::kInvalid, "PNG chunk {} at byte {}: unknown critical chunk", chunk.type,
                    offset);
      }
    }
    offset = chunk.end();
  }
  if (!seen) return fail(Errc::kInvalid, "PNG has no IDAT chunk");
  return stream;
}

/// Whichever of left, up, corner lies nearest to left + up - corner; ties in that order.
std::uint8_t paeth(int left, int up, int corner) {
  const int to_left = std::abs(up - corner);
  const int to_up = std::abs(left - corner);
  const int to_corner = std::abs(left + up - 2 * corner);
  if (to_left <= to_up && to_left <= to_corner) return static_cast<std::uint8_t>(left);
  return static_cast<std::uint8_t>(to_up <= to_corner ? up : corner);
}

/// What the filter predicts for byte i of a row; `above` is null for row 0.
std::uint8_t predicted(std::uint8_t filter, const std::uint8_t* row, const std::uint8_t* above,
                       std::size_t i, std::size_t bpp) {
  const int left = i >= bpp ? row[i - bpp] : 0;
  const int up = above != nullptr ? above[i] : 0;
  const int corner = above != nullptr && i >= bpp ? above[i - bpp] : 0;
  switch (filter) {
    case 1:
      return static_cast<std::uint8_t>(left);
    case 2:
      return static_cast<std::uint8_t>(up);
    case 3:
      return static_cast<std::uint8_t>((left + up) / 2);
    default:
      return paeth(left, up, corner);
  }
}

/// Undoes one row's filter in place. Requires: filter <= 4.
void unfilter_row(std::uint8_t filter, MutBytes row, const std::uint8_t* above, std::size_t bpp) {
  if (filter == 0) return;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::uint8_t value = predicted(filter, row.data(), above, i, bpp);
    row[i] = static_cast<std::uint8_t>(row[i] + value);
  }
}

/// Turns filtered rows (filter byte + row) into plain rows, in place, front to back.
Result<void> unfilter(ByteVector& rows, std::size_t row_bytes, std::uint32_t height,
                      std::size_t bpp) {
  const std::uint8_t* above = nullptr;
  for (std::uint32_t y = 0; y < height; ++y) {
    const std::uint8_t* in = rows.data() + y * (row_bytes + 1);
    const std::uint8_t filter = *in;
    if (filter > 4) return fail(Errc::kInvalid, "PNG row {}: filter {} does not exist", y, filter);
    std::uint8_t* out = rows.data() + y * row_bytes;
    std::memmove(out, in + 1, row_bytes);
    unfilter_row(filter, {out, row_bytes}, above, bpp);
    above = out;
  }
  rows.resize(row_bytes * height);
  return {};
}

/// Before any allocation: the header alone decides how much memory a picture may cost.
Result<void> check_limits(const PngHeader& header, const PngLimits& limits) {
  const std::uint64_t pixels = std::uint64_t{header.width} * header.height;
  if (header.width > limits.max_width || header.height > limits.max_height ||
      pixels > limits.max_pixels) {
    return fail(Errc::kLimit, "PNG is {} x {} pixels; at most {} x {} and {} pixels in all",
                header.width, header.height, limits.max_width, limits.max_height,
                limits.max_pixels);
  }
  return {};
}

/// kStored and kFast use filter 0: rows stay as they are in the stream, and encoding costs no
/// search.
void set_compression(LodePNGEncoderSettings& encoder, PngCompression compression) {
  encoder.auto_convert = 0;  // the colour type asked for, also when fewer bits would do
  encoder.add_id = 0;
  encoder.filter_palette_zero = 0;
  if (compression == PngCompression::kDefault) return;
  encoder.filter_strategy = LFS_ZERO;
  encoder.zlibsettings.btype = compression == PngCompression::kStored ? 0 : 2;
  encoder.zlibsettings.windowsize = 512;
  encoder.zlibsettings.nicematch = 32;
}

}  // namespace

bool is_png(Bytes file) {
  const Bytes signature = png_signature();
  return file.size() >= signature.size() &&
         std::equal(signature.begin(), signature.end(), file.begin());
}

// The IHDR CRC is checked although pixels would fail later anyway: a caller may act on the size
// alone.
Result<PngHeader> probe_png(Bytes file) {
  if (!is_png(file)) return fail(Errc::kInvalid, "not a PNG: wrong signature");
  PX_TRY(const ChunkRef chunk, chunk_at(file, kPngSignatureBytes));
  if (chunk.type != "IHDR" || chunk.data.size() != 13) {
    return fail(Errc::kInvalid, "PNG starts with chunk {} of {} bytes, expected IHDR of 13",
                chunk.type, chunk.data.size());
  }
  if (chunk.stored_crc != chunk.actual_crc()) return fail(Errc::kInvalid, "PNG IHDR: wrong CRC");
  const Bytes d = chunk.data;
  PngHeader header{read_be32(d.data()), read_be32(d.data() + 4), 0};
  constexpr std::uint32_t kMaxSide = 0x7FFFFFFF;
  if (header.width == 0 || header.height == 0 || header.width > kMaxSide ||
      header.height > kMaxSide) {
    return fail(Errc::kInvalid, "PNG size {} x {} is not between 1 and 2^31 - 1", header.width,
                header.height);
  }
  if (d[10] != 0 || d[11] != 0)
    return fail(Errc::kInvalid, "PNG compression or filter method is not 0");
  PX_TRY(header.channels, channels_of(d[8], d[9]));
  if (d[12] != 0) return fail(Errc::kUnsupported, "PNG is interlaced; expected plain scanlines");
  return header;
}

Result<Image> decode_png(Bytes file, const PngLimits& limits) {
  PX_TRY(const PngHeader header, probe_png(file));
  PX_CHECK(check_limits(header, limits));
  const std::uint64_t row_bytes = std::uint64_t{header.width} * header.channels;
  const std::optional<std::uint64_t> total =
      checked_mul<std::uint64_t>(row_bytes + 1, header.height);
  if (!total)
    return fail(Errc::kLimit, "PNG of {} x {} pixels is too large", header.width, header.height);
  // Peak memory: the joined stream and the rows; the rows become the pixels in place.
  PX_TRY(ByteVector stream, join_idat(file));
  PX_TRY(ByteVector rows, inflate_zlib(stream, *total));
  if (rows.size() != *total) {
    return fail(Errc::kInvalid, "PNG pixels end after {} of {} bytes", rows.size(), *total);
  }
  stream = {};
  PX_CHECK(unfilter(rows, row_bytes, header.height, header.channels));
  return Image{header.width, header.height, header.channels, std::move(rows)};
}

Result<ByteVector> encode_png(const ImageView& image, const PngEncode& options) {
  const bool known = image.channels == 1 || image.channels == 3 || image.channels == 4;
  const std::optional<std::uint64_t> size =
      checked_mul<std::uint64_t>(std::uint64_t{image.width} * image.channels, image.height);
  if (!known || image.width == 0 || image.height == 0 || !size || *size != image.pixels.size()) {
    return fail(Errc::kUsage, "image of {} x {} x {} with {} bytes of pixels cannot be a PNG",
                image.width, image.height, image.channels, image.pixels.size());
  }
  const LodePNGColorType type = image.channels == 1   ? LCT_GREY
                                : image.channels == 3 ? LCT_RGB
                                                      : LCT_RGBA;
  LodePNGState state;
  lodepng_state_init(&state);
  state.info_raw.colortype = state.info_png.color.colortype = type;
  state.info_raw.bitdepth = state.info_png.color.bitdepth = 8;
  set_compression(state.encoder, options.compression);
  unsigned char* raw = nullptr;
  std::size_t raw_size = 0;
  const unsigned error =
      lodepng_encode(&raw, &raw_size, image.pixels.data(), image.width, image.height, &state);
  const LodeBuffer buffer(raw);
  lodepng_state_cleanup(&state);
  if (error != 0) return fail(Errc::kLimit, "PNG encoder: {}", lodepng_error_text(error));
  ByteVector out = to_vector(buffer, raw_size);
  for (auto chunk = options.chunks.rbegin(); chunk != options.chunks.rend(); ++chunk) {
    PX_TRY(out, insert_png_chunk(out, *chunk));
  }
  return out;
}

Result<ByteVector> inflate_raw(Bytes deflated, std::uint64_t max_bytes) {
  LodePNGDecompressSettings settings = lodepng_default_decompress_settings;
  // lodepng stops at the first symbol beyond the cap: it overshoots by one match or stored block.
  settings.max_output_size = std::max<std::uint64_t>(max_bytes, 1);  // 0 would mean no cap
  unsigned char* raw = nullptr;
  std::size_t size = 0;
  const unsigned error = lodepng_inflate(&raw, &size, deflated.data(), deflated.size(), &settings);
  const LodeBuffer buffer(raw);
  if (error == kLodeOutputCap || (error == 0 && size > max_bytes)) {
    return fail(Errc::kLimit, "deflate stream expands beyond {} bytes", max_bytes);
  }
  if (error != 0) return fail(Errc::kInvalid, "deflate stream: {}", lodepng_error_text(error));
  return to_vector(buffer, size);
}

Result<ByteVector> deflate_raw(Bytes plain) {
  unsigned char* raw = nullptr;
  std::size_t size = 0;
  const unsigned error =
      lodepng_deflate(&raw, &size, plain.data(), plain.size(), &lodepng_default_compress_settings);
  const LodeBuffer buffer(raw);
  if (error != 0) return fail(Errc::kLimit, "deflate: {}", lodepng_error_text(error));
  return to_vector(buffer, size);
}

// The header rules of RFC 1950: method 8, window at most 32 KiB, no preset dictionary, check bits.
Result<ByteVector> inflate_zlib(Bytes stream, std::uint64_t max_bytes) {
  constexpr std::size_t kHeader = 2;
  constexpr std::size_t kTrailer = 4;
  if (stream.size() < kHeader + kTrailer)
    return fail(Errc::kInvalid, "zlib stream of {} bytes", stream.size());
  const unsigned head = stream[0] * 256U + stream[1];
  if (head % 31 != 0 || (stream[0] & 15U) != 8 || (stream[0] >> 4U) > 7 || (stream[1] & 32U) != 0) {
    return fail(Errc::kInvalid, "zlib stream: bad header {:04x}", head);
  }
  const Bytes body = stream.subspan(kHeader, stream.size() - kHeader - kTrailer);
  PX_TRY(ByteVector out, inflate_raw(body, max_bytes));
  const std::uint32_t stored = read_be32(stream.data() + stream.size() - kTrailer);
  const std::uint32_t actual = adler32(out);
  if (stored != actual) {
    return fail(Errc::kInvalid, "zlib stream: Adler-32 {:08x}, expected {:08x}", stored, actual);
  }
  return out;
}

Result<ByteVector> peek_png_pixels(Bytes file, std::uint32_t count) {
  constexpr std::uint64_t kInputCap =
      256 * 1024;  // more than any first deflate block we look into needs
  PX_TRY(const PngHeader header, probe_png(file));
  const std::uint64_t row_bytes = std::uint64_t{header.width} * header.channels;
  const std::uint64_t wanted = std::min<std::uint64_t>(count, row_bytes);
  ByteVector stream;
  for (std::uint64_t offset = kPngSignatureBytes; stream.size() < kInputCap;) {
    const Result<ChunkRef> chunk = chunk_at(file, offset);
    if (!chunk || chunk->type == "IEND") break;
    const Bytes part = chunk->type == "IDAT"
                           ? chunk->data.first(std::min(chunk->data.size(), kInputCap))
                           : Bytes{};
    stream.insert(stream.end(), part.begin(), part.end());
    offset = chunk->end();
  }
  if (stream.size() < 2) return fail(Errc::kInvalid, "PNG has no pixel data");
  LodePNGDecompressSettings settings = lodepng_default_decompress_settings;
  settings.max_output_size = wanted + 1;
  unsigned char* raw = nullptr;
  std::size_t size = 0;
  // The error is expected (stopped early, input cut); what came out before it is what we look at.
  (void)lodepng_inflate(&raw, &size, stream.data() + 2, stream.size() - 2, &settings);
  const LodeBuffer buffer(raw);
  ByteVector out = to_vector(buffer, std::min<std::size_t>(size, wanted + 1));
  if (out.size() < 2 || out[0] > 4) return fail(Errc::kInvalid, "PNG pixels cannot be decoded");
  const std::uint8_t filter = out[0];
  out.erase(out.begin());
  unfilter_row(filter, out, nullptr, header.channels);
  return out;
}

}  // namespace pxos::pixelfs
