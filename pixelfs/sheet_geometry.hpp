#pragma once
// Where the bytes of a mappable PNG lie. One scanline = one stored deflate block = one IDAT chunk,
// so with P payload bytes, p pad bytes and S = P + 18 + p, payload r is at F + r * S and the file
// ends at F + (R - 1) * S + P + 20.

#include "pxvm/base/bytes.hpp"

#include <cstdint>

namespace pxos::pixelfs {

inline constexpr std::uint32_t kSheetAlign = 64;      ///< F and S are multiples of it
inline constexpr std::uint32_t kFrameBytes = 18;      ///< between payloads, without the pad
inline constexpr std::uint32_t kSheetTailBytes = 20;  ///< Adler-32, CRC, IEND
inline constexpr std::uint32_t kMaxLinePayload = 65534;

struct SheetGeometry {
  std::uint64_t first = 0;      ///< F
  std::uint32_t stride = 0;     ///< S
  std::uint32_t payload = 0;    ///< P = 3 * width
  std::uint32_t scanlines = 0;  ///< R

  [[nodiscard]] std::uint32_t pad() const { return stride - payload - kFrameBytes; }
  [[nodiscard]] std::uint64_t file_bytes() const {
    return first + std::uint64_t{scanlines - 1} * stride + payload + kSheetTailBytes;
  }
  friend bool operator==(const SheetGeometry&, const SheetGeometry&) = default;
};

/// Geometry of a picture `width` RGB pixels wide. Requires: width >= 1, 3 * width <= 65534,
/// scanlines >= 1.
[[nodiscard]] SheetGeometry make_geometry(std::uint32_t width, std::uint32_t scanlines);

/// Reads IHDR and pxLD and checks that every address the geometry can name lies inside `file`.
/// Errors: kInvalid says why the file is not laid out for mapping (the slow path may still read
/// it).
Result<SheetGeometry> read_geometry(Bytes file);
/// The same from the first bytes of a file of `file_bytes`; kGeometryHeadBytes of them are enough
/// for any file that make_geometry's writer made.
Result<SheetGeometry> read_geometry(Bytes head, std::uint64_t file_bytes);
inline constexpr std::uint64_t kGeometryHeadBytes = 256;

/// File bytes before the payload of scanline `line`: for line 0 everything from the signature on,
/// else the frame from the IDAT length to the filter byte. CRC and Adler-32 come after the payload.
[[nodiscard]] ByteVector line_prefix(const SheetGeometry& geometry, std::uint32_t line);

/// Bytes after the last payload: Adler-32, CRC of the last IDAT, IEND.
[[nodiscard]] ByteVector sheet_tail(std::uint32_t adler, std::uint32_t crc);

/// Appends one scanline as it stands in the file: prefix, payload, CRC; after the last one also the
/// end of the file. `adler` counts filter byte and payload of all scanlines, this one included;
/// only the last one writes it. Requires: payload.size() == geometry.payload.
void append_line(ByteVector& out, const SheetGeometry& geometry, std::uint32_t line, Bytes payload,
                 std::uint32_t adler);

/// `adler` after one more scanline.
[[nodiscard]] std::uint32_t adler_of_line(Bytes payload, std::uint32_t adler);

/// Where append_line's bytes of a scanline lie in the file, without the end of the file.
struct LineSpan {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;      ///< past its CRC
  std::uint64_t payload = 0;  ///< file offset of the payload
};
[[nodiscard]] LineSpan line_span(const SheetGeometry& geometry, std::uint32_t line);

/// Checks frame and CRC of one scanline. `framed` are the bytes of line_span. Errors: kInvalid
/// names the scanline and the file offset.
Result<void> check_line(Bytes framed, const SheetGeometry& geometry, std::uint32_t line);

/// Checks the end of the file: Adler-32 and IEND. `tail`: its last kSheetTailBytes.
Result<void> check_tail(Bytes tail, const SheetGeometry& geometry, std::uint32_t adler);

/// Checks chunk frames, stored headers, filter bytes, every CRC and the Adler-32 of an in-place
/// sheet. Requires: geometry == read_geometry(file). Errors: kInvalid names the scanline and the
/// file offset.
Result<void> check_framing(Bytes file, const SheetGeometry& geometry);

}  // namespace pxos::pixelfs
