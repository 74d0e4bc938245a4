#include "pixelfs/originals.hpp"

#include "pixelfs/png_chunks.hpp"
#include "pixelfs/volume_directory.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <set>

namespace pxos::pixelfs {
namespace {

constexpr std::size_t kPxifHeaderBytes = 64;
constexpr std::size_t kPxfsHeaderBytes = 128;
constexpr std::size_t kPxarHeaderBytes = 128;
/// Path length, a path of one byte, offset, size, reserved.
constexpr std::uint64_t kLeastIndexBytes = 2 + 1 + 8 + 8 + 16;

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

Result<void> check_reserved(ByteReader& reader, std::uint64_t count, std::string_view what) {
  PX_TRY(const Bytes reserved, reader.bytes(count, what));
  if (all_zero(reserved)) return {};
  return fail(Errc::kInvalid, "{}: bytes {}..{} are not zero", what, reader.position() - count,
              reader.position());
}

std::uint64_t read_be64(Bytes bytes) {
  return std::uint64_t{read_be32(bytes.data())} << 32U | read_be32(bytes.data() + 4);
}

/// The picture is the smallest of its width that holds the content, and zero after it.
Result<Bytes> content_of(Bytes picture, const WrappedFile& file, std::uint64_t size,
                         std::string_view what) {
  if (file.width == 0) return fail(Errc::kInvalid, "{}: width 0", what);
  const std::uint64_t row = std::uint64_t{file.width} * 3;
  if (file.height != ceil_div(size, row)) {
    return fail(Errc::kInvalid, "{}: {} bytes in {} x {} pixels, expected {} rows", what, size,
                file.width, file.height, ceil_div(size, row));
  }
  const auto pixels = checked_mul<std::uint64_t>(row, file.height);
  if (!pixels || *pixels != picture.size()) {
    return fail(Errc::kInvalid, "{}: {} x {} pixels, found {} bytes of them", what, file.width,
                file.height, picture.size());
  }
  if (!all_zero(picture.subspan(size))) {
    return fail(Errc::kInvalid, "{}: the padding after byte {} is not zero", what, size);
  }
  return picture.first(size);
}

Result<void> copy_hash(ByteReader& reader, Sha256& out, std::string_view what) {
  PX_TRY(const Bytes hash, reader.bytes(out.size(), what));
  std::copy(hash.begin(), hash.end(), out.begin());
  return {};
}

struct ArchiveHeader {
  std::uint32_t count = 0;
  std::uint64_t index_offset = 0, index_bytes = 0, total_bytes = 0;
};

Result<ArchiveHeader> parse_archive_header(Bytes archive) {
  ByteReader reader(archive);
  PX_TRY(const Bytes magic, reader.bytes(4, "PXAR magic"));
  if (as_text(magic) != "PXAR") return fail(Errc::kInvalid, "PXAR: wrong magic");
  PX_TRY(const std::uint32_t version, reader.u32("PXAR version"));
  if (version != 1) return fail(Errc::kUnsupported, "PXAR version {}, expected 1", version);
  ArchiveHeader header;
  PX_TRY(header.count, reader.u32("PXAR file count"));
  PX_TRY(header.index_offset, reader.u64("PXAR index offset"));
  PX_TRY(header.index_bytes, reader.u64("PXAR index size"));
  PX_TRY(header.total_bytes, reader.u64("PXAR total size"));
  PX_CHECK(check_reserved(reader, kPxarHeaderBytes - reader.position(), "PXAR header"));
  if (header.total_bytes != archive.size()) {
    return fail(Errc::kInvalid, "PXAR of {} bytes, found {}", header.total_bytes, archive.size());
  }
  if (header.index_offset != kPxarHeaderBytes ||
      !range_fits(header.index_offset, header.index_bytes, archive.size())) {
    return fail(Errc::kInvalid, "PXAR index [{}, +{}), expected it at {} in {} bytes",
                header.index_offset, header.index_bytes, kPxarHeaderBytes, archive.size());
  }
  if (header.count > header.index_bytes / kLeastIndexBytes) {
    return fail(Errc::kInvalid, "PXAR: {} files in an index of {} bytes", header.count,
                header.index_bytes);
  }
  return header;
}

/// `from`: where content may start. Content of different files may be the same bytes, not others'
/// index.
Result<ArchiveFile> parse_index_entry(ByteReader& index, Bytes archive, std::uint64_t from) {
  PX_TRY(const std::uint16_t path_bytes, index.u16("PXAR path length"));
  PX_TRY(const Bytes path, index.bytes(path_bytes, "PXAR path"));
  PX_TRY(const std::uint64_t offset, index.u64("PXAR content offset"));
  PX_TRY(const std::uint64_t size, index.u64("PXAR content size"));
  PX_CHECK(check_reserved(index, 16, "PXAR index entry"));
  ArchiveFile file;
  file.path = as_text(path);
  const auto good = check_entry_name(file.path);
  if (!good) return fail(Errc::kInvalid, "PXAR: {}", good.error().message);
  if (offset < from || !range_fits(offset, size, archive.size())) {
    return fail(Errc::kInvalid, "PXAR '{}': content [{}, +{}) does not lie in {}..{}", file.path,
                offset, size, from, archive.size());
  }
  file.content = archive.subspan(offset, size);
  return file;
}

}  // namespace

Result<WrappedFile> parse_pxif(Bytes file) {
  ByteReader reader(file);
  PX_TRY(const Bytes magic, reader.bytes(4, "PXIF magic"));
  if (as_text(magic) != "PXIF") return fail(Errc::kInvalid, "PXIF: wrong magic");
  PX_TRY(const std::uint8_t major, reader.u8("PXIF version"));
  PX_TRY(const std::uint8_t minor, reader.u8("PXIF version"));
  if (major != 1 || minor != 0) {
    return fail(Errc::kUnsupported, "PXIF version {}.{}, expected 1.0", major, minor);
  }
  PX_TRY(const Bytes sizes, reader.bytes(16, "PXIF sizes"));  // big-endian
  WrappedFile out;
  out.width = read_be32(sizes.data() + 8);
  out.height = read_be32(sizes.data() + 12);
  PX_TRY(const std::uint8_t compression, reader.u8("PXIF compression"));
  if (compression != 0) return fail(Errc::kUnsupported, "PXIF compression {}", compression);
  PX_CHECK(copy_hash(reader, out.sha256, "PXIF hash"));
  PX_CHECK(check_reserved(reader, kPxifHeaderBytes - reader.position(), "PXIF header"));
  PX_TRY(out.content, content_of(file.subspan(kPxifHeaderBytes), out, read_be64(sizes), "PXIF"));
  return out;
}

Result<WrappedFile> parse_pxfs(Bytes file) {
  ByteReader reader(file);
  PX_TRY(const Bytes magic, reader.bytes(4, "PXFS magic"));
  if (as_text(magic) != "SFXP") return fail(Errc::kInvalid, "PXFS: wrong magic");
  PX_TRY(const std::uint32_t version, reader.u32("PXFS version"));
  if (version != 1) return fail(Errc::kUnsupported, "PXFS version {}, expected 1", version);
  PX_TRY(const std::uint64_t size, reader.u64("PXFS size"));
  WrappedFile out;
  PX_TRY(out.width, reader.u32("PXFS width"));
  PX_TRY(out.height, reader.u32("PXFS height"));
  PX_CHECK(copy_hash(reader, out.sha256, "PXFS hash"));
  PX_CHECK(check_reserved(reader, kPxfsHeaderBytes - reader.position(), "PXFS header"));
  PX_TRY(out.content, content_of(file.subspan(kPxfsHeaderBytes), out, size, "PXFS"));
  return out;
}

Result<void> verify_wrapped(const WrappedFile& file) {
  const Sha256 found = sha256(file.content);
  if (found == file.sha256) return {};
  return fail(Errc::kInvalid, "SHA-256 of {} bytes of content is not the one of the header",
              file.content.size());
}

Result<Archive> parse_pxar(Bytes file) {
  Archive archive;
  if (as_text(file).starts_with("SFXP")) {
    PX_TRY(archive.wrapper, parse_pxfs(file));
    archive.wrapped = true;
    file = archive.wrapper.content;
  }
  PX_TRY(const ArchiveHeader header, parse_archive_header(file));
  ByteReader index(file.subspan(header.index_offset, header.index_bytes));
  std::set<std::string, std::less<>> paths;
  for (std::uint32_t i = 0; i < header.count; ++i) {
    PX_TRY(ArchiveFile entry,
           parse_index_entry(index, file, header.index_offset + header.index_bytes));
    if (!paths.insert(entry.path).second) {
      return fail(Errc::kInvalid, "PXAR '{}' is there twice", entry.path);
    }
    archive.files.push_back(std::move(entry));
  }
  if (index.remaining() != 0) {
    return fail(Errc::kInvalid, "PXAR: {} index bytes after the last file", index.remaining());
  }
  return archive;
}

}  // namespace pxos::pixelfs
