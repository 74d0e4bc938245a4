#include "pixelfs/volume_directory.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <set>

namespace pxos::pixelfs {
namespace {

constexpr std::uint32_t kHashedHeaderBytes = 56;
/// Name length, one byte of name, coding, reserved, three sizes, digest.
constexpr std::uint64_t kLeastEntryBytes = 2 + 1 + 1 + 1 + 24 + 16;

/// Per chunk: its hash, and its stored length where that is not known from the coding.
std::uint64_t chunk_record_bytes(ChunkCoding coding) {
  return coding == ChunkCoding::kNone ? 8 : 12;
}

/// Fixed fields of an entry; chunk records follow.
Result<VolumeEntry> decode_fields(ByteReader& reader) {
  VolumeEntry entry;
  PX_TRY(const std::uint16_t name_bytes, reader.u16("entry name length"));
  PX_TRY(const Bytes name, reader.bytes(name_bytes, "entry name"));
  entry.name = as_text(name);
  const auto named = check_entry_name(entry.name);
  if (!named) return fail(Errc::kInvalid, "volume entry: {}", named.error().message);
  PX_TRY(const std::uint8_t coding, reader.u8("entry coding"));
  PX_TRY(const std::uint8_t reserved, reader.u8("entry reserved"));
  if (coding >= kChunkCodings || reserved != 0) {
    return fail(Errc::kUnsupported, "volume entry '{}': coding {}, reserved {}", entry.name, coding,
                reserved);
  }
  entry.coding = static_cast<ChunkCoding>(coding);
  PX_TRY(entry.size_bytes, reader.u64("entry size"));
  PX_TRY(entry.stored_bytes, reader.u64("entry stored size"));
  PX_TRY(entry.offset, reader.u64("entry offset"));
  PX_TRY(entry.digest.low, reader.u64("entry digest"));
  PX_TRY(entry.digest.high, reader.u64("entry digest"));
  return entry;
}

Result<void> bad_chunk(const VolumeEntry& entry, std::uint64_t chunk, std::uint64_t stored,
                       std::uint64_t most) {
  return fail(Errc::kInvalid, "volume entry '{}': chunk {} stores {} bytes, expected 1..{}",
              entry.name, chunk, stored, most);
}

/// Requires: the entry's range lies in the picture, so offsets cannot wrap.
Result<void> decode_chunks(ByteReader& reader, VolumeEntry& entry, std::uint32_t line_bytes) {
  const std::uint64_t count = ceil_div(entry.size_bytes, line_bytes);
  // The count is bounded by the bytes that are left before anything is reserved.
  if (count > reader.remaining() / chunk_record_bytes(entry.coding)) {
    return fail(Errc::kInvalid, "volume entry '{}': {} chunks in {} directory bytes", entry.name,
                count, reader.remaining());
  }
  entry.chunks.reserve(count);
  std::uint64_t used = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    VolumeChunk chunk;
    PX_TRY(chunk.hash, reader.u64("chunk hash"));
    const std::uint64_t content = chunk_content_bytes(entry, i, line_bytes);
    chunk.stored_bytes = static_cast<std::uint32_t>(content);
    if (entry.coding != ChunkCoding::kNone) {
      PX_TRY(chunk.stored_bytes, reader.u32("chunk size"));
    }
    const std::uint64_t most = std::min(content, entry.stored_bytes - used);
    if (chunk.stored_bytes < 1 || chunk.stored_bytes > most) {
      return bad_chunk(entry, i, chunk.stored_bytes, most);
    }
    chunk.offset = entry.offset + used;
    used += chunk.stored_bytes;
    entry.chunks.push_back(chunk);
  }
  if (used != entry.stored_bytes) {
    return fail(Errc::kInvalid, "volume entry '{}': chunks store {} bytes, the entry {}",
                entry.name, used, entry.stored_bytes);
  }
  return {};
}

/// Entries ascend and do not overlap; the directory lies apart from all of them.
Result<void> check_place(const VolumeEntry& entry, const VolumeHeader& header, std::uint64_t from) {
  const std::uint64_t size = std::uint64_t{header.line_bytes} * header.scanlines;
  if (entry.offset < from || !range_fits(entry.offset, entry.stored_bytes, size)) {
    return fail(Errc::kInvalid, "volume entry '{}': bytes [{}, +{}) are not free in {}..{}",
                entry.name, entry.offset, entry.stored_bytes, from, size);
  }
  const bool apart = entry.offset + entry.stored_bytes <= header.directory_offset ||
                     entry.offset >= header.directory_offset + header.directory_bytes;
  if (!apart && entry.stored_bytes != 0) {
    return fail(Errc::kInvalid, "volume entry '{}' overlaps the directory", entry.name);
  }
  return {};
}

}  // namespace

Result<void> check_entry_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxVolumeName) {
    return fail(Errc::kUsage, "an entry name of {} bytes, expected 1..{}", name.size(),
                kMaxVolumeName);
  }
  const auto refused = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || c == '\\';
  };
  bool good = std::none_of(name.begin(), name.end(), refused);
  for (std::size_t begin = 0; good && begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    good = !part.empty() && part != "." && part != "..";
    begin = end + 1;
  }
  if (good) return {};
  return fail(Errc::kUsage, "'{}' is no entry name: expected a relative path without '..'",
              name.substr(0, 80));
}

ByteVector encode_volume_header(const VolumeHeader& header) {
  ByteWriter w;
  w.bytes(as_bytes(kVolumeMagic));
  w.u16(kVolumeVersion);
  w.u32(header.line_bytes);
  w.u32(header.scanlines);
  w.u64(header.directory_offset);
  w.u64(header.directory_bytes);
  w.u32(header.entries);
  w.u32(0);
  w.u64(0);
  w.u64(header.directory_hash);
  w.u64(xxh3_64(w.view()));
  return w.take();
}

Result<VolumeHeader> decode_volume_header(Bytes bytes) {
  ByteReader reader(bytes);
  PX_TRY(const Bytes magic, reader.bytes(kVolumeMagic.size(), "volume magic"));
  if (as_text(magic) != kVolumeMagic) {
    return fail(Errc::kInvalid, "volume header: the first pixels are not \"{}\"", kVolumeMagic);
  }
  PX_TRY(const std::uint16_t version, reader.u16("volume version"));
  if (version > kVolumeVersion) {
    return fail(Errc::kUnsupported, "volume header: version {} > {}", version, kVolumeVersion);
  }
  VolumeHeader header;
  PX_TRY(header.line_bytes, reader.u32("line bytes"));
  PX_TRY(header.scanlines, reader.u32("scanlines"));
  PX_TRY(header.directory_offset, reader.u64("directory offset"));
  PX_TRY(header.directory_bytes, reader.u64("directory bytes"));
  PX_TRY(header.entries, reader.u32("entries"));
  PX_TRY(const std::uint32_t reserved, reader.u32("reserved"));
  PX_TRY(const std::uint64_t reserved_too, reader.u64("reserved"));
  PX_TRY(header.directory_hash, reader.u64("directory hash"));
  PX_TRY(const std::uint64_t hash, reader.u64("header hash"));
  const std::uint64_t found = xxh3_64(bytes.first(kHashedHeaderBytes));
  if (hash != found) {
    return fail(Errc::kInvalid,
                "volume header (scanline 0) is damaged: hash {:016x}, expected {:016x}", found,
                hash);
  }
  if (version != kVolumeVersion || reserved != 0 || reserved_too != 0) {
    return fail(Errc::kInvalid, "volume header: version {}, reserved fields {} and {}", version,
                reserved, reserved_too);
  }
  return header;
}

ByteVector encode_volume_directory(std::span<const VolumeEntry> entries) {
  ByteWriter w;
  for (const VolumeEntry& entry : entries) {
    w.u16(static_cast<std::uint16_t>(entry.name.size()));
    w.bytes(as_bytes(entry.name));
    w.u8(static_cast<std::uint8_t>(entry.coding));
    w.u8(0);
    w.u64(entry.size_bytes);
    w.u64(entry.stored_bytes);
    w.u64(entry.offset);
    w.u64(entry.digest.low);
    w.u64(entry.digest.high);
    for (const VolumeChunk& chunk : entry.chunks) {
      w.u64(chunk.hash);
      if (entry.coding != ChunkCoding::kNone) w.u32(chunk.stored_bytes);
    }
  }
  return w.take();
}

Result<std::vector<VolumeEntry>> decode_volume_directory(Bytes bytes, const VolumeHeader& header) {
  const std::uint64_t size = std::uint64_t{header.line_bytes} * header.scanlines;
  if (header.line_bytes == 0 || header.directory_offset < kVolumeHeaderBytes ||
      !range_fits(header.directory_offset, header.directory_bytes, size)) {
    return fail(Errc::kInvalid, "volume directory [{}, +{}) does not lie in {} pixel bytes",
                header.directory_offset, header.directory_bytes, size);
  }
  if (header.entries > bytes.size() / kLeastEntryBytes) {
    return fail(Errc::kInvalid, "volume directory: {} entries in {} bytes", header.entries,
                bytes.size());
  }
  ByteReader reader(bytes);
  std::vector<VolumeEntry> entries;
  entries.reserve(header.entries);
  std::set<std::string, std::less<>> names;
  std::uint64_t from = kVolumeHeaderBytes;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    PX_TRY(VolumeEntry entry, decode_fields(reader));
    PX_CHECK(check_place(entry, header, from));
    PX_CHECK(decode_chunks(reader, entry, header.line_bytes));
    if (!names.insert(entry.name).second) {
      return fail(Errc::kInvalid, "volume entry '{}' is there twice", entry.name);
    }
    from = entry.offset + entry.stored_bytes;
    entries.push_back(std::move(entry));
  }
  if (reader.remaining() != 0) {
    return fail(Errc::kInvalid, "volume directory: {} bytes after the last entry",
                reader.remaining());
  }
  return entries;
}

}  // namespace pxos::pixelfs
