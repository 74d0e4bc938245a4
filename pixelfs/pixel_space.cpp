#include "pixelfs/pixel_space.hpp"

#include "pixelfs/first_pixels.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <utility>

namespace pxos::pixelfs {
namespace {

constexpr std::uint64_t kPendingBytes = 1U << 20U;
constexpr std::uint32_t kLeastLineBytes = 66;

/// The head of a blob, as much of it as there is.
Result<ByteVector> read_head(const BlobReader& blob, std::uint64_t bytes) {
  ByteVector head(std::min(bytes, blob.size_bytes()));
  PX_CHECK(blob.read(0, head));
  return head;
}

/// RGB out of RGB or opaque RGBA, in place. False for a pixel that is not opaque.
bool drop_alpha(Image& image) {
  if (image.channels == 3) return true;
  std::size_t to = 0;
  for (std::size_t from = 0; from < image.pixels.size(); from += 4) {
    if (image.pixels[from + 3] != 255) return false;
    for (std::size_t k = 0; k < 3; ++k) image.pixels[to++] = image.pixels[from + k];
  }
  image.pixels.resize(to);
  return true;
}

}  // namespace

Result<PixelReader> PixelReader::open(std::shared_ptr<const BlobReader> blob,
                                      std::string_view magic, const PngLimits& limits) {
  PixelReader reader;
  reader.blob_ = std::move(blob);
  PX_TRY(const ByteVector head, read_head(*reader.blob_, kGeometryHeadBytes));
  const auto geometry = read_geometry(head, reader.blob_->size_bytes());
  if (geometry) {
    reader.geometry_ = *geometry;
    return reader;
  }
  reader.slow_reason_ = geometry.error().message;
  PX_CHECK(reader.decode(magic, limits));
  return reader;
}

Result<void> PixelReader::decode(std::string_view magic, const PngLimits& limits) {
  // Looked at before the file is loaded: header, then the first pixels.
  PX_TRY(const ByteVector head, read_head(*blob_, kGeometryHeadBytes));
  PX_TRY(const PngHeader header, probe_png(head));
  const auto pixels = checked_mul<std::uint64_t>(header.width, header.height);
  if (!pixels || *pixels > limits.max_pixels) {
    return fail(Errc::kLimit, "{}: {} x {} pixels are too many to decode, at most {}", slow_reason_,
                header.width, header.height, limits.max_pixels);
  }
  ByteVector copy;
  Bytes file = blob_->view();
  if (file.empty()) {
    // A PNG larger than its pixels and half as much again is padding at best.
    const std::uint64_t most = *pixels * 6 + (1U << 20U);
    if (blob_->size_bytes() > most) {
      return fail(Errc::kLimit, "{}: a file of {} bytes for {} pixels", slow_reason_,
                  blob_->size_bytes(), *pixels);
    }
    PX_TRY(copy, read_head(*blob_, most));
    file = copy;
  }
  PX_TRY(const ByteVector first, first_rgb_bytes(file, magic.size()));
  if (as_text(first) != magic) {
    return fail(Errc::kInvalid, "the first pixels are not \"{}\"", magic);
  }
  Result<Image> image = decode_png(file, limits);
  if (!image) return in_context(slow_reason_, std::move(image).error());
  if (image->channels == 1 || !drop_alpha(*image)) {
    return fail(Errc::kInvalid, "{}: pixels are not opaque RGB", slow_reason_);
  }
  geometry_.payload = image->width * 3;
  geometry_.scanlines = image->height;
  decoded_ = std::move(image->pixels);
  return {};
}

Result<void> PixelReader::read(std::uint64_t offset, MutBytes out) const {
  if (!range_fits(offset, out.size(), size_bytes())) {
    return fail(Errc::kInvalid, "picture of {} pixel bytes: no {} bytes at {}", size_bytes(),
                out.size(), offset);
  }
  if (!in_place()) {
    std::copy_n(decoded_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }
  while (!out.empty()) {
    const std::uint64_t line = offset / geometry_.payload;
    const std::uint64_t column = offset % geometry_.payload;
    const auto take = std::min<std::uint64_t>(out.size(), geometry_.payload - column);
    PX_CHECK(blob_->read(geometry_.first + line * geometry_.stride + column, out.first(take)));
    out = out.subspan(take);
    offset += take;
  }
  return {};
}

Bytes PixelReader::view(std::uint64_t offset, std::uint64_t size) const {
  if (!range_fits(offset, size, size_bytes())) return {};
  if (!in_place()) return Bytes(decoded_).subspan(offset, size);
  const std::uint64_t column = offset % geometry_.payload;
  const Bytes file = blob_->view();
  if (file.empty() || size > geometry_.payload - column) return {};
  const std::uint64_t line = offset / geometry_.payload;
  return file.subspan(geometry_.first + line * geometry_.stride + column, size);
}

Result<PixelWriter> PixelWriter::create(BlobWriter& blob, std::uint32_t line_bytes) {
  if (line_bytes % 3 != 0 || line_bytes < kLeastLineBytes || line_bytes > kMaxLinePayload) {
    return fail(Errc::kUsage, "scanlines of {} bytes: expected a multiple of 3 in {}..{}",
                line_bytes, kLeastLineBytes, kMaxLinePayload);
  }
  PixelWriter writer(blob, make_geometry(line_bytes / 3, 1));
  // Space for scanline 0. Should the machine stop here, the blob was never published.
  writer.pending_.resize(writer.geometry_.first + line_bytes + 4);
  return writer;
}

Result<void> PixelWriter::write(Bytes pixels) {
  while (!pixels.empty()) {
    if (line_.size() == geometry_.payload) PX_CHECK(flush());
    const std::size_t take = std::min<std::size_t>(pixels.size(), geometry_.payload - line_.size());
    line_.insert(line_.end(), pixels.begin(), pixels.begin() + static_cast<std::ptrdiff_t>(take));
    pixels = pixels.subspan(take);
  }
  return {};
}

Result<void> PixelWriter::finish_line() {
  if (!line_.empty()) line_.resize(geometry_.payload);
  return {};
}

/// The line is not the last one: another byte is waiting. The geometry it is framed with only has
/// to know that more follows.
Result<void> PixelWriter::flush() {
  const std::uint32_t index = geometry_.scanlines;
  constexpr std::uint32_t kMostScanlines = (1U << 31U) - 2;  // a PNG height has 31 bits
  if (index > kMostScanlines) return fail(Errc::kLimit, "a picture ends at {} scanlines", index);
  adler_ = adler_of_line(line_, adler_);
  geometry_.scanlines = index + 2;
  append_line(pending_, geometry_, index, line_, adler_);
  geometry_.scanlines = index + 1;
  line_.clear();
  if (pending_.size() < kPendingBytes) return {};
  PX_CHECK(blob_->write(pending_));
  pending_.clear();
  return {};
}

Result<void> PixelWriter::finish(Bytes first_line) {
  PX_ASSERT(first_line.size() <= geometry_.payload);
  ByteVector first(first_line.begin(), first_line.end());
  first.resize(geometry_.payload);
  PX_CHECK(finish_line());
  const std::uint64_t filtered = std::uint64_t{geometry_.payload} + 1;
  const std::uint64_t rest = std::uint64_t{scanlines() - 1} * filtered;
  const std::uint32_t adler_first = adler_of_line(first, 1);
  if (!line_.empty()) {
    const std::uint32_t index = geometry_.scanlines++;
    adler_ = adler_of_line(line_, adler_);
    append_line(pending_, geometry_, index, line_, adler32_joined(adler_first, adler_, rest));
  }
  ByteVector opening;
  append_line(opening, geometry_, 0, first, adler_first);
  if (geometry_.scanlines == 1) return blob_->write(opening);
  PX_CHECK(blob_->write(pending_));
  return blob_->rewrite(0, opening);
}

std::uint32_t adler32_joined(std::uint32_t first, std::uint32_t second,
                             std::uint64_t second_bytes) {
  // a = 1 + sum, b = sum of all a: the second string's sums start at the first's a instead of 1.
  constexpr std::uint64_t kModulus = 65521;
  const std::uint64_t a1 = first & 0xFFFFU;
  const std::uint64_t a2 = second & 0xFFFFU;
  const std::uint64_t a = (a1 + a2 + kModulus - 1) % kModulus;
  const std::uint64_t shift = (a1 + kModulus - 1) % kModulus * (second_bytes % kModulus);
  const std::uint64_t b = ((first >> 16U) + (second >> 16U) + shift) % kModulus;
  return static_cast<std::uint32_t>(b << 16U | a);
}

}  // namespace pxos::pixelfs
