#include "pixelfs/volume.hpp"

#include "pixelfs/volume_directory.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>

namespace pxos::pixelfs {
namespace {

/// Directories above this are refused: a volume of 10 TB has one of 2 GB.
constexpr std::uint64_t kMostDirectoryBytes = std::uint64_t{2} << 30U;

/// Reads chunks of one entry: fetch, check, decode. Holds the buffers that takes.
class ChunkReader {
 public:
  ChunkReader(const PixelReader& pixels, const VolumeEntry& entry)
      : pixels_(pixels), entry_(entry) {}

  /// Content of a chunk, borrowed until the next call.
  Result<Bytes> content(std::uint64_t chunk) {
    PX_TRY(const Bytes stored, fetch(chunk, {}));
    const std::uint64_t size = chunk_content_bytes(entry_, chunk, pixels_.line_bytes());
    if (stored.size() == size) return stored;
    content_.resize(size);
    PX_CHECK(decode(chunk, stored, content_));
    return Bytes(content_);
  }

  /// The same into `out`, without a detour. Requires: out is as long as the chunk's content.
  Result<void> content_into(std::uint64_t chunk, MutBytes out) {
    PX_TRY(const Bytes stored, fetch(chunk, out));
    return stored.data() == out.data() ? Result<void>{} : decode(chunk, stored, out);
  }

 private:
  /// Stored bytes of a chunk, checked: borrowed from the map where they lie in one piece, else read
  /// into `room` when they fit it exactly, else into a buffer.
  Result<Bytes> fetch(std::uint64_t chunk, MutBytes room) {
    const VolumeChunk& c = entry_.chunks[chunk];
    Bytes stored = pixels_.view(c.offset, c.stored_bytes);
    if (stored.empty()) {
      if (room.size() != c.stored_bytes) {
        stored_.resize(c.stored_bytes);
        room = stored_;
      }
      PX_CHECK(pixels_.read(c.offset, room));
      stored = room;
    }
    const std::uint64_t hash = xxh3_64(stored);
    if (hash != c.hash) {
      return fail(Errc::kInvalid, "{} (scanline {}): checksum {:016x}, expected {:016x}",
                  where(chunk), c.offset / pixels_.line_bytes(), hash, c.hash);
    }
    return stored;
  }

  Result<void> decode(std::uint64_t chunk, Bytes stored, MutBytes out) {
    auto decoded = coder_.decode(entry_.coding, stored, out);
    if (decoded) return {};
    return in_context(where(chunk), std::move(decoded).error());
  }

  [[nodiscard]] std::string where(std::uint64_t chunk) const {
    const std::uint64_t begin = chunk * pixels_.line_bytes();
    return fmt::format("'{}' chunk {}, bytes {}..{}", entry_.name, chunk, begin,
                       begin + chunk_content_bytes(entry_, chunk, pixels_.line_bytes()));
  }

  const PixelReader& pixels_;
  const VolumeEntry& entry_;
  ChunkCoder coder_;
  ByteVector stored_, content_;
};

Result<void> check_range(const VolumeEntry& entry, std::uint64_t offset, std::uint64_t length) {
  if (range_fits(offset, length, entry.size_bytes)) return {};
  return fail(Errc::kUsage, "'{}' has {} bytes: no {} bytes at {}", entry.name, entry.size_bytes,
              length, offset);
}

}  // namespace

std::uint64_t chunk_content_bytes(const VolumeEntry& entry, std::uint64_t chunk,
                                  std::uint32_t chunk_bytes) {
  return std::min<std::uint64_t>(chunk_bytes, entry.size_bytes - chunk * chunk_bytes);
}

Result<Volume> Volume::open(std::shared_ptr<const BlobReader> blob, const PngLimits& limits) {
  auto pixels = PixelReader::open(std::move(blob), kVolumeMagic, limits);
  if (!pixels) return in_context("volume", std::move(pixels).error());
  Volume volume(*std::move(pixels));
  PX_CHECK(volume.read_directory());
  return volume;
}

Result<void> Volume::read_directory() {
  ByteVector bytes(std::min<std::uint64_t>(kVolumeHeaderBytes, pixels_.size_bytes()));
  PX_CHECK(pixels_.read(0, bytes));
  PX_TRY(const VolumeHeader header, decode_volume_header(bytes));
  if (header.line_bytes != pixels_.line_bytes() || header.scanlines != pixels_.scanlines()) {
    return fail(Errc::kInvalid, "volume of {} scanlines of {} bytes, the picture has {} of {}",
                header.scanlines, header.line_bytes, pixels_.scanlines(), pixels_.line_bytes());
  }
  if (!range_fits(header.directory_offset, header.directory_bytes, pixels_.size_bytes())) {
    return fail(Errc::kInvalid, "volume directory [{}, +{}) does not lie in {} pixel bytes",
                header.directory_offset, header.directory_bytes, pixels_.size_bytes());
  }
  if (header.directory_bytes > kMostDirectoryBytes) {
    return fail(Errc::kLimit, "volume directory of {} bytes, at most {}", header.directory_bytes,
                kMostDirectoryBytes);
  }
  bytes.resize(header.directory_bytes);
  PX_CHECK(pixels_.read(header.directory_offset, bytes));
  const std::uint64_t hash = xxh3_64(bytes);
  if (hash != header.directory_hash) {
    const std::uint64_t last = header.directory_offset + header.directory_bytes;
    return fail(Errc::kInvalid,
                "volume directory (scanlines {}..{}) is damaged: hash {:016x}, expected {:016x}",
                header.directory_offset / header.line_bytes, ceil_div(last, header.line_bytes),
                hash, header.directory_hash);
  }
  PX_TRY(entries_, decode_volume_directory(bytes, header));
  directory_offset_ = header.directory_offset;
  directory_bytes_ = header.directory_bytes;
  for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
  return {};
}

const VolumeEntry* Volume::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::uint64_t Volume::content_bytes() const {
  std::uint64_t total = 0;
  for (const VolumeEntry& entry : entries_) total += entry.size_bytes;
  return total;
}

Result<void> Volume::read(const VolumeEntry& entry, std::uint64_t offset, MutBytes out) const {
  PX_CHECK(check_range(entry, offset, out.size()));
  ChunkReader reader(pixels_, entry);
  while (!out.empty()) {
    const std::uint64_t chunk = offset / chunk_bytes();
    const std::uint64_t skip = offset % chunk_bytes();
    const std::uint64_t size = chunk_content_bytes(entry, chunk, chunk_bytes());
    const auto take = std::min<std::uint64_t>(size - skip, out.size());
    if (take == size) {
      PX_CHECK(reader.content_into(chunk, out.first(take)));
    } else {
      PX_TRY(const Bytes content, reader.content(chunk));
      std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(skip), take, out.begin());
    }
    out = out.subspan(take);
    offset += take;
  }
  return {};
}

Result<void> Volume::stream(const VolumeEntry& entry, const Range& range, const Sink& sink) const {
  PX_CHECK(check_range(entry, range.offset, range.length));
  const std::uint64_t piece = std::max<std::uint64_t>(range.budget_bytes, chunk_bytes());
  ByteVector buffer;
  const std::uint64_t end = range.offset + range.length;
  for (std::uint64_t at = range.offset; at < end; at += buffer.size()) {
    // A piece ends with a chunk, so that no chunk is read twice.
    const std::uint64_t whole = (at + piece) / chunk_bytes() * chunk_bytes();
    buffer.resize(std::min(end, whole) - at);
    PX_CHECK(read(entry, at, buffer));
    PX_CHECK(sink(buffer));
  }
  return {};
}

}  // namespace pxos::pixelfs
