#include "pixelfs/png_chunks.hpp"

#include "pixelfs/png.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>

namespace pxos::pixelfs {
namespace {

constexpr std::array<std::uint8_t, 8> kSignature{0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A};

bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/// RFC 2083: ASCII letters only; bit 5 of each is a property, so anything else cannot be
/// interpreted.
bool is_chunk_type(std::string_view type) {
  return type.size() == 4 && std::all_of(type.begin(), type.end(), is_letter);
}

}  // namespace

Bytes png_signature() {
  return kSignature;
}

std::uint32_t read_be32(const std::uint8_t* p) {
  return (std::uint32_t{p[0]} << 24U) | (std::uint32_t{p[1]} << 16U) | (std::uint32_t{p[2]} << 8U) |
         std::uint32_t{p[3]};
}

void put_be32(ByteVector& out, std::uint32_t value) {
  for (unsigned shift = 32; shift > 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  }
}

void put_chunk(ByteVector& out, std::string_view type, Bytes data) {
  PX_ASSERT(type.size() == 4 && data.size() < (std::uint64_t{1} << 31U));
  put_be32(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t start = out.size();
  const Bytes name = as_bytes(type);
  out.insert(out.end(), name.begin(), name.end());
  out.insert(out.end(), data.begin(), data.end());
  put_be32(out, crc32(Bytes(out).subspan(start)));
}

void put_png_header(ByteVector& out, std::uint32_t width, std::uint32_t height,
                    std::uint32_t channels) {
  out.insert(out.end(), kSignature.begin(), kSignature.end());
  ByteVector ihdr;
  put_be32(ihdr, width);
  put_be32(ihdr, height);
  const std::uint8_t color_type = channels == 1 ? 0 : channels == 3 ? 2 : 6;
  ihdr.insert(ihdr.end(), {8, color_type, 0, 0, 0});
  put_chunk(out, "IHDR", ihdr);
}

std::uint32_t ChunkRef::actual_crc() const {
  return crc32(data, crc32(as_bytes(type)));
}

// Offsets are compared by subtraction on the side that cannot wrap (range_fits).
Result<ChunkRef> chunk_at(Bytes file, std::uint64_t offset) {
  if (!range_fits(offset, kChunkOverhead, file.size())) {
    return fail(Errc::kInvalid, "PNG truncated at byte {}: a chunk needs 12 bytes, {} left", offset,
                offset <= file.size() ? file.size() - offset : 0);
  }
  const std::uint32_t length = read_be32(file.data() + offset);
  const std::string_view type = as_text(file.subspan(offset + 4, 4));
  if (!is_chunk_type(type)) {
    return fail(Errc::kInvalid, "PNG chunk at byte {}: the type is not four letters", offset);
  }
  if (!range_fits(offset + kChunkOverhead, length, file.size())) {
    return fail(Errc::kInvalid, "PNG chunk {} at byte {}: {} bytes announced, {} left", type,
                offset, length, file.size() - offset - kChunkOverhead);
  }
  ChunkRef chunk{offset, type, file.subspan(offset + 8, length), 0};
  chunk.stored_crc = read_be32(file.data() + offset + 8 + length);
  return chunk;
}

Result<std::optional<Bytes>> find_png_chunk(Bytes file, std::string_view type) {
  if (!is_png(file)) return fail(Errc::kInvalid, "not a PNG: wrong signature");
  for (std::uint64_t offset = kPngSignatureBytes;;) {
    PX_TRY(const ChunkRef chunk, chunk_at(file, offset));
    if (chunk.type == type) {
      if (chunk.stored_crc == chunk.actual_crc()) return std::optional<Bytes>(chunk.data);
      return fail(Errc::kInvalid, "PNG chunk {} at byte {}: CRC {:08x}, expected {:08x}", type,
                  offset, chunk.stored_crc, chunk.actual_crc());
    }
    // Our chunks come before the pixels: a reader never has to walk a large file to learn what it
    // is.
    if (chunk.type == "IDAT" || chunk.type == "IEND") return std::optional<Bytes>();
    offset = chunk.end();
  }
}

Result<ByteVector> insert_png_chunk(Bytes file, const PngChunk& chunk) {
  const std::string_view type(chunk.type.data(), chunk.type.size());
  if (!is_chunk_type(type) || chunk.type[0] < 'a' || chunk.type[2] >= 'a') {
    return fail(Errc::kUsage,
                "a chunk type is four letters, the first lower, the third upper case");
  }
  if (chunk.data.size() >= (std::uint64_t{1} << 31U)) {
    return fail(Errc::kLimit, "PNG chunk {}: {} bytes, at most 2^31 - 1", type, chunk.data.size());
  }
  // Right after IHDR: the one place that is legal for every ancillary chunk.
  PX_CHECK(probe_png(file));
  ByteVector out;
  out.reserve(file.size() + chunk.data.size() + kChunkOverhead);
  out.assign(file.begin(), file.begin() + kPngHeaderBytes);
  put_chunk(out, type, chunk.data);
  out.insert(out.end(), file.begin() + kPngHeaderBytes, file.end());
  return out;
}

Result<std::uint64_t> png_length(Bytes file) {
  if (!is_png(file)) return fail(Errc::kInvalid, "not a PNG: wrong signature");
  for (std::uint64_t offset = kPngSignatureBytes;;) {
    PX_TRY(const ChunkRef chunk, chunk_at(file, offset));
    offset = chunk.end();
    if (chunk.type == "IEND") return offset;
  }
}

}  // namespace pxos::pixelfs
