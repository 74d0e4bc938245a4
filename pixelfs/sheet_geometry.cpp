#include "pixelfs/sheet_geometry.hpp"

#include "pixelfs/png.hpp"
#include "pixelfs/png_chunks.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>

namespace pxos::pixelfs {
namespace {

constexpr std::string_view kLayoutChunk = "pxLD";
constexpr std::uint16_t kLayoutVersion = 1;
constexpr std::uint32_t kLayoutBytes = 24;
constexpr std::uint32_t kMaxPad = 4096;
constexpr std::uint32_t kStoredHeader = 5;  // block header byte, LEN, NLEN
constexpr std::uint32_t kZlibHeader = 2;
constexpr std::uint32_t kLineOpening = 8 + kStoredHeader + 1;  // length, type, header, filter
/// Signature, IHDR, the frame of pxLD, then the opening of the first IDAT.
constexpr std::uint64_t kBeforeFirst =
    kPngHeaderBytes + kChunkOverhead + kLineOpening + kZlibHeader;

/// Deflate bits, least significant first.
class BitWriter {
 public:
  explicit BitWriter(ByteVector& out) : out_(out) {}

  void bits(std::uint32_t value, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      if (used_ == 0) out_.push_back(0);
      out_.back() = static_cast<std::uint8_t>(out_.back() | (((value >> i) & 1U) << used_));
      used_ = (used_ + 1) % 8;
    }
  }
  void align() { used_ = 0; }

 private:
  ByteVector& out_;
  unsigned used_ = 0;
};

/// `fixed_blocks` empty fixed-Huffman blocks of ten bits each, then a stored header of `length`
/// bytes. The blocks make the header 0, 1, 2 or 4 bytes longer for 0, 1, 2 or 3 of them.
void put_stored_header(ByteVector& out, unsigned fixed_blocks, bool final, std::uint32_t length) {
  BitWriter writer(out);
  for (unsigned i = 0; i < fixed_blocks; ++i) writer.bits(2, 10);  // BTYPE 01, then the end code
  writer.bits(final ? 1 : 0, 3);
  writer.align();
  writer.bits(length, 16);
  writer.bits(~length & 0xFFFFU, 16);
}

/// The pad and the header of the block that holds a scanline: p + 5 bytes.
/// p = 5 q + rest: q empty stored blocks; the rest comes from fixed blocks in front of the headers.
/// A rest of 3 needs two headers, so p == 3 itself cannot be made.
void put_padded_header(ByteVector& out, std::uint32_t pad, bool final, std::uint32_t length) {
  constexpr std::array<unsigned, 5> kBlocksForRest{0, 1, 2, 2, 3};
  const std::uint32_t empty_blocks = pad / 5;
  const std::uint32_t rest = pad % 5;
  PX_ASSERT(pad != 3);
  for (std::uint32_t i = 0; i < empty_blocks; ++i) {
    put_stored_header(out, rest == 3 && i == 0 ? 1 : 0, false, 0);
  }
  put_stored_header(out, kBlocksForRest[rest], final, length);
}

/// Data of pxLD, padded so that payload 0 lands at geometry.first.
ByteVector layout_chunk(const SheetGeometry& g) {
  ByteWriter w;
  w.u16(kLayoutVersion);
  w.u16(0);
  w.u32(g.stride);
  w.u64(g.first);
  w.u32(g.payload);
  w.u32(g.scanlines);
  ByteVector data = w.take();
  data.resize(g.first - kBeforeFirst);
  return data;
}

bool is_last(const SheetGeometry& g, std::uint32_t line) {
  return line + 1 == g.scanlines;
}

/// Data bytes of the IDAT chunk of a scanline.
std::uint32_t idat_bytes(const SheetGeometry& g, std::uint32_t line) {
  const std::uint32_t before = line == 0 ? kZlibHeader : g.pad();
  return before + kStoredHeader + 1 + g.payload + (is_last(g, line) ? 4 : 0);
}

/// Numbers only; check_geometry decides whether they are true.
Result<SheetGeometry> parse_layout(Bytes data) {
  ByteReader reader(data);
  PX_TRY(const std::uint16_t version, reader.u16("pxLD version"));
  if (version != kLayoutVersion) {
    return fail(Errc::kInvalid, "pxLD version {}, expected {}", version, kLayoutVersion);
  }
  PX_TRY(const std::uint16_t reserved, reader.u16("pxLD reserved"));
  if (reserved != 0) return fail(Errc::kInvalid, "pxLD reserved field is {}", reserved);
  SheetGeometry g;
  PX_TRY(g.stride, reader.u32("pxLD stride"));
  PX_TRY(g.first, reader.u64("pxLD first payload"));
  PX_TRY(g.payload, reader.u32("pxLD payload"));
  PX_TRY(g.scanlines, reader.u32("pxLD scanlines"));
  return g;
}

/// Everything an address is made of is compared with what the file itself shows: size from IHDR,
/// position from the chunk list, length from the file. After this, F + r * S + i lies in the file
/// for r < R, i < P.
Result<void> check_geometry(const SheetGeometry& g, const PngHeader& header,
                            std::uint64_t file_bytes, std::uint64_t layout_end) {
  if (header.channels != 3 || g.payload > kMaxLinePayload ||
      g.payload != std::uint64_t{header.width} * 3 || g.scanlines != header.height) {
    return fail(Errc::kInvalid, "pxLD names {} scanlines of {} bytes, IHDR {} x {}", g.scanlines,
                g.payload, header.width, header.height);
  }
  if (g.stride % kSheetAlign != 0 || g.stride < g.payload + kFrameBytes || g.pad() == 3 ||
      g.pad() > kMaxPad) {
    return fail(Errc::kInvalid, "pxLD stride {} does not fit {} payload bytes", g.stride,
                g.payload);
  }
  const std::uint64_t first = layout_end + kLineOpening + kZlibHeader;
  if (g.first != first || g.first % kSheetAlign != 0) {
    return fail(Errc::kInvalid, "pxLD first payload at {}, expected {}", g.first, first);
  }
  if (g.file_bytes() != file_bytes) {
    return fail(Errc::kInvalid, "pxLD asks for a file of {} bytes, found {}", g.file_bytes(),
                file_bytes);
  }
  return {};
}

}  // namespace

SheetGeometry make_geometry(std::uint32_t width, std::uint32_t scanlines) {
  PX_ASSERT(width >= 1 && width <= kMaxLinePayload / 3 && scanlines >= 1);
  SheetGeometry g;
  g.payload = width * 3;
  g.scanlines = scanlines;
  g.stride = static_cast<std::uint32_t>(round_up(g.payload + kFrameBytes, kSheetAlign));
  if (g.pad() == 3) g.stride += kSheetAlign;
  g.first = round_up(kBeforeFirst + kLayoutBytes, kSheetAlign);
  return g;
}

Result<SheetGeometry> read_geometry(Bytes file) {
  return read_geometry(file, file.size());
}

Result<SheetGeometry> read_geometry(Bytes head, std::uint64_t file_bytes) {
  PX_TRY(const PngHeader header, probe_png(head));
  // The type first: another chunk need not lie in `head` whole.
  const Bytes opening = head.subspan(std::min<std::size_t>(head.size(), kPngHeaderBytes + 4));
  if (!as_text(opening).starts_with(kLayoutChunk)) {
    return fail(Errc::kInvalid, "no pxLD chunk after IHDR");
  }
  PX_TRY(const ChunkRef chunk, chunk_at(head, kPngHeaderBytes));
  if (chunk.stored_crc != chunk.actual_crc()) return fail(Errc::kInvalid, "pxLD: wrong CRC");
  PX_TRY(const SheetGeometry geometry, parse_layout(chunk.data));
  PX_CHECK(check_geometry(geometry, header, file_bytes, chunk.end()));
  return geometry;
}

ByteVector line_prefix(const SheetGeometry& g, std::uint32_t line) {
  ByteVector out;
  if (line == 0) {
    put_png_header(out, g.payload / 3, g.scanlines, 3);
    put_chunk(out, kLayoutChunk, layout_chunk(g));
  }
  put_be32(out, idat_bytes(g, line));
  const Bytes type = as_bytes("IDAT");
  out.insert(out.end(), type.begin(), type.end());
  if (line == 0) out.insert(out.end(), {0x78, 0x01});  // zlib: deflate, 32 KiB window, fastest
  put_padded_header(out, line == 0 ? 0 : g.pad(), is_last(g, line), g.payload + 1);
  out.push_back(0);  // PNG filter "none"
  return out;
}

ByteVector sheet_tail(std::uint32_t adler, std::uint32_t crc) {
  ByteVector out;
  put_be32(out, adler);
  put_be32(out, crc);
  put_chunk(out, "IEND", {});
  return out;
}

std::uint32_t adler_of_line(Bytes payload, std::uint32_t adler) {
  constexpr std::array<std::uint8_t, 1> kFilter{0};
  return adler32(payload, adler32(kFilter, adler));
}

void append_line(ByteVector& out, const SheetGeometry& g, std::uint32_t line, Bytes payload,
                 std::uint32_t adler) {
  PX_ASSERT(line < g.scanlines && payload.size() == g.payload);
  const ByteVector prefix = line_prefix(g, line);
  const std::size_t start = out.size();
  // The CRC covers type and data of the IDAT chunk; in line 0 the file's header comes before it.
  const std::size_t idat = start + (line == 0 ? g.first - kLineOpening - kZlibHeader : 0);
  out.insert(out.end(), prefix.begin(), prefix.end());
  out.insert(out.end(), payload.begin(), payload.end());
  if (is_last(g, line)) put_be32(out, adler);  // the Adler-32 is the end of the last IDAT's data
  put_be32(out, crc32(Bytes(out).subspan(idat + 4)));
  if (is_last(g, line)) put_chunk(out, "IEND", {});
}

LineSpan line_span(const SheetGeometry& g, std::uint32_t line) {
  LineSpan span;
  span.payload = g.first + std::uint64_t{line} * g.stride;
  span.begin = line == 0 ? 0 : span.payload - (g.stride - g.payload - 4);
  span.end = span.payload + g.payload + (is_last(g, line) ? 8 : 4);
  return span;
}

Result<void> check_line(Bytes framed, const SheetGeometry& g, std::uint32_t line) {
  const LineSpan span = line_span(g, line);
  PX_ASSERT(framed.size() == span.end - span.begin);
  // The writer's frame has one legal form, so bytes compare.
  const ByteVector prefix = line_prefix(g, line);
  const auto [expected, actual] = std::mismatch(prefix.begin(), prefix.end(), framed.begin());
  if (expected != prefix.end()) {
    return fail(Errc::kInvalid, "sheet scanline {}: frame byte at {} is {:02x}, expected {:02x}",
                line, span.begin + static_cast<std::uint64_t>(expected - prefix.begin()), *actual,
                *expected);
  }
  const std::uint64_t covered = idat_bytes(g, line) + 4;  // type and data
  const std::uint32_t stored = read_be32(framed.data() + framed.size() - 4);
  const std::uint32_t crc = crc32(framed.last(covered + 4).first(covered));
  if (stored != crc) {
    return fail(Errc::kInvalid, "sheet scanline {}: CRC at byte {} is {:08x}, expected {:08x}",
                line, span.end - 4, stored, crc);
  }
  return {};
}

Result<void> check_tail(Bytes tail, const SheetGeometry& g, std::uint32_t adler) {
  PX_ASSERT(tail.size() == kSheetTailBytes);
  const std::uint64_t at = g.file_bytes() - kSheetTailBytes;
  if (read_be32(tail.data()) != adler) {
    return fail(Errc::kInvalid, "sheet: Adler-32 at byte {} is {:08x}, expected {:08x}", at,
                read_be32(tail.data()), adler);
  }
  const ByteVector end = sheet_tail(0, 0);
  if (!std::equal(tail.begin() + 8, tail.end(), end.begin() + 8)) {
    return fail(Errc::kInvalid, "sheet: no IEND chunk at byte {}", at + 8);
  }
  return {};
}

Result<void> check_framing(Bytes file, const SheetGeometry& g) {
  std::uint32_t adler = 1;
  for (std::uint32_t line = 0; line < g.scanlines; ++line) {
    const LineSpan span = line_span(g, line);
    PX_CHECK(check_line(file.subspan(span.begin, span.end - span.begin), g, line));
    adler = adler_of_line(file.subspan(span.payload, g.payload), adler);
  }
  return check_tail(file.last(kSheetTailBytes), g, adler);
}

}  // namespace pxos::pixelfs
