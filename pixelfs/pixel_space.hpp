#pragma once
// The pixels of a picture as one byte space: the payloads of its scanlines joined, pixel byte a in
// scanline a / P at column a % P. PixelReader reads any range of it through a BlobReader, touching
// only the bytes asked for; PixelWriter makes the picture front to back, without knowing its height
// before the end.

#include "pixelfs/blob_store.hpp"
#include "pixelfs/png.hpp"
#include "pixelfs/sheet_geometry.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pxos::pixelfs {

/// Immutable after open; thread-safe.
class PixelReader {
 public:
  /// In place when the file is laid out for it (pxLD); otherwise the picture is decoded into
  /// memory, if its first pixels are `magic` and it keeps `limits`. Keeps `blob`.
  static Result<PixelReader> open(std::shared_ptr<const BlobReader> blob, std::string_view magic,
                                  const PngLimits& limits = {});

  [[nodiscard]] std::uint32_t line_bytes() const { return geometry_.payload; }  ///< P
  [[nodiscard]] std::uint32_t scanlines() const { return geometry_.scanlines; }
  [[nodiscard]] std::uint64_t size_bytes() const {
    return std::uint64_t{geometry_.payload} * geometry_.scanlines;
  }
  [[nodiscard]] bool in_place() const { return decoded_.empty(); }
  /// Why the picture was decoded; empty when it is read in place.
  [[nodiscard]] const std::string& slow_reason() const { return slow_reason_; }
  [[nodiscard]] const SheetGeometry& geometry() const { return geometry_; }
  [[nodiscard]] const BlobReader& blob() const { return *blob_; }

  /// Fills `out` with pixel bytes. Errors: kInvalid outside; those of the blob.
  Result<void> read(std::uint64_t offset, MutBytes out) const;
  /// The same bytes without copying, where they lie in one piece in memory; else empty. Valid as
  /// long as the reader.
  [[nodiscard]] Bytes view(std::uint64_t offset, std::uint64_t size) const;

 private:
  PixelReader() = default;
  Result<void> decode(std::string_view magic, const PngLimits& limits);

  std::shared_ptr<const BlobReader> blob_;
  SheetGeometry geometry_;  ///< of a decoded picture: P and R only
  ByteVector decoded_;
  std::string slow_reason_;
};

/// Appends pixel bytes; scanline 0 is kept free for what is only known at the end.
class PixelWriter {
 public:
  /// Errors: kUsage when a scanline of `line_bytes` cannot be: a multiple of 3, 66..65532.
  static Result<PixelWriter> create(BlobWriter& blob, std::uint32_t line_bytes);

  [[nodiscard]] std::uint32_t line_bytes() const { return geometry_.payload; }
  /// Where the next byte goes; starts at line_bytes().
  [[nodiscard]] std::uint64_t position() const {
    return std::uint64_t{geometry_.scanlines} * geometry_.payload + line_.size();
  }
  Result<void> write(Bytes pixels);
  /// Fills the scanline with zeros; nothing when it is empty.
  Result<void> finish_line();
  /// Ends the picture, with `first_line` (at most P bytes, zeros follow) as scanline 0. The blob is
  /// complete then and not yet published.
  Result<void> finish(Bytes first_line);

  /// Scanlines the picture has now if it ended here.
  [[nodiscard]] std::uint32_t scanlines() const {
    return geometry_.scanlines + (line_.empty() ? 0 : 1);
  }

 private:
  PixelWriter(BlobWriter& blob, SheetGeometry geometry) : blob_(&blob), geometry_(geometry) {}
  Result<void> flush();

  BlobWriter* blob_;
  SheetGeometry geometry_;   ///< scanlines: those that are full, scanline 0 included
  ByteVector line_;          ///< the scanline being filled; flushed when the next byte comes
  ByteVector pending_;       ///< framed scanlines on their way to the blob
  std::uint32_t adler_ = 1;  ///< of the scanlines after scanline 0
};

/// Adler-32 of two byte strings joined, from that of each and the length of the second.
[[nodiscard]] std::uint32_t adler32_joined(std::uint32_t first, std::uint32_t second,
                                           std::uint64_t second_bytes);

}  // namespace pxos::pixelfs
