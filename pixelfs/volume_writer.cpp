// Writes a volume front to back: files as chunks, then the directory, then scanline 0 with the
// header (and the directory, when it fits there).

#include "pixelfs/kind.hpp"
#include "pixelfs/volume_directory.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace pxos::pixelfs {
namespace {

constexpr std::uint64_t kReadBytes = 1U << 20U;
constexpr std::uint64_t kSampleChunks = 8;
/// A gain below this is not worth that a chunk cannot be used where it lies.
constexpr double kLeastGain = 0.05;
constexpr std::uint32_t kLeastWidth = 2048;
constexpr std::uint32_t kMostWidth = 16000;
/// Small volumes get short scanlines, so that what fills them up stays small beside the content.
constexpr std::uint64_t kScanlinesWanted = 64;

std::uint32_t choose_line_bytes(std::uint64_t content_bytes) {
  const std::uint64_t width = ceil_div(content_bytes, kScanlinesWanted * 3);
  return 3 * static_cast<std::uint32_t>(std::clamp<std::uint64_t>(width, kLeastWidth, kMostWidth));
}

/// Sheets and cartridges are executed where they lie; they are kept as they are.
Result<bool> is_mapped_kind(const VolumeInput& input) {
  ByteVector head(std::min<std::uint64_t>(input.size_bytes, 64U << 10U));
  PX_CHECK(input.read(0, head));
  const FileKind kind = identify(head).kind;
  return kind == FileKind::kSheet || kind == FileKind::kCartridge;
}

/// The coding that stores chunks spread over the content in the fewest bytes.
Result<ChunkCoding> measure(const VolumeInput& input, std::uint32_t chunk_bytes,
                            ChunkCoder& coder) {
  PX_TRY(const bool mapped, is_mapped_kind(input));
  if (mapped || input.size_bytes == 0) return ChunkCoding::kNone;
  const std::uint64_t chunks = ceil_div(input.size_bytes, chunk_bytes);
  const std::uint64_t samples = std::min(chunks, kSampleChunks);
  std::array<std::uint64_t, kChunkCodings> stored{};
  ByteVector raw;
  for (std::uint64_t i = 0; i < samples; ++i) {
    const std::uint64_t offset = chunks / samples * i * chunk_bytes;
    raw.resize(std::min<std::uint64_t>(chunk_bytes, input.size_bytes - offset));
    PX_CHECK(input.read(offset, raw));
    for (std::uint8_t code = 0; code < kChunkCodings; ++code) {
      PX_TRY(const ByteVector bytes, coder.encode(static_cast<ChunkCoding>(code), raw));
      stored[code] += bytes.size();
    }
  }
  // Palette-delta first: at equal size it is the cheaper one to read.
  std::size_t best = static_cast<std::size_t>(ChunkCoding::kPaletteDelta);
  if (stored[1] < stored[best]) best = static_cast<std::size_t>(ChunkCoding::kZstd);
  const double gain = 1.0 - static_cast<double>(stored[best]) / static_cast<double>(stored[0]);
  return gain >= kLeastGain ? static_cast<ChunkCoding>(best) : ChunkCoding::kNone;
}

class VolumeWriter {
 public:
  VolumeWriter(PixelWriter pixels, const VolumeProgress& progress, std::uint64_t total)
      : pixels_(std::move(pixels)), progress_(progress), total_(total) {}

  Result<void> add(const VolumeInput& input) {
    VolumeEntry entry;
    entry.name = input.name;
    entry.size_bytes = input.size_bytes;
    if (input.coding) {
      entry.coding = *input.coding;
    } else {
      PX_TRY(entry.coding, measure(input, chunk_bytes(), coder_));
    }
    // Uncompressed chunks are whole scanlines; what is one chunk may share a scanline with others.
    if (entry.size_bytes > chunk_bytes()) PX_CHECK(pixels_.finish_line());
    entry.offset = pixels_.position();
    PX_CHECK(write_content(input, entry));
    if (entry.stored_bytes == entry.size_bytes) forget_coding(entry);
    summary_.content_bytes += entry.size_bytes;
    summary_.stored_bytes += entry.stored_bytes;
    entries_.push_back(std::move(entry));
    return {};
  }

  Result<VolumeSummary> finish() {
    const ByteVector directory = encode_volume_directory(entries_);
    VolumeHeader header;
    header.line_bytes = chunk_bytes();
    header.directory_bytes = directory.size();
    header.directory_hash = xxh3_64(directory);
    header.entries = static_cast<std::uint32_t>(entries_.size());
    header.directory_offset = kVolumeHeaderBytes;
    const bool in_first_line = directory.size() + kVolumeHeaderBytes <= chunk_bytes();
    if (!in_first_line) {
      PX_CHECK(pixels_.finish_line());
      header.directory_offset = pixels_.position();
      PX_CHECK(pixels_.write(directory));
    }
    header.scanlines = pixels_.scanlines();
    ByteVector first = encode_volume_header(header);
    if (in_first_line) first.insert(first.end(), directory.begin(), directory.end());
    PX_CHECK(pixels_.finish(first));
    summary_.file_bytes = make_geometry(chunk_bytes() / 3, header.scanlines).file_bytes();
    return summary_;
  }

 private:
  [[nodiscard]] std::uint32_t chunk_bytes() const { return pixels_.line_bytes(); }

  /// Reads several chunks at a time.
  Result<void> write_content(const VolumeInput& input, VolumeEntry& entry) {
    Xxh128Stream digest;
    const std::uint64_t step =
        std::max<std::uint64_t>(1, kReadBytes / chunk_bytes()) * chunk_bytes();
    entry.chunks.reserve(ceil_div(entry.size_bytes, chunk_bytes()));
    ByteVector buffer;
    for (std::uint64_t at = 0; at < entry.size_bytes; at += buffer.size()) {
      buffer.resize(std::min(step, entry.size_bytes - at));
      PX_CHECK(input.read(at, buffer));
      digest.update(buffer);
      PX_CHECK(write_chunks(buffer, entry));
      done_ += buffer.size();
      if (progress_ && !progress_(done_, total_)) {
        return fail(Errc::kInterrupted, "writing a volume stopped after {} of {} bytes", done_,
                    total_);
      }
    }
    entry.digest = digest.digest();
    return {};
  }

  Result<void> write_chunks(Bytes content, VolumeEntry& entry) {
    while (!content.empty()) {
      const Bytes raw = content.first(std::min<std::size_t>(content.size(), chunk_bytes()));
      content = content.subspan(raw.size());
      ByteVector encoded;
      Bytes stored = raw;
      if (entry.coding != ChunkCoding::kNone) {
        PX_TRY(encoded, coder_.encode(entry.coding, raw));
        stored = encoded;
      }
      // The first chunk of an entry that shares its scanline may not cross into the next one.
      if (entry.chunks.empty() && !fits_line(stored.size())) {
        PX_CHECK(pixels_.finish_line());
        entry.offset = pixels_.position();
      }
      entry.chunks.push_back(
          {pixels_.position(), xxh3_64(stored), static_cast<std::uint32_t>(stored.size())});
      entry.stored_bytes += stored.size();
      PX_CHECK(pixels_.write(stored));
    }
    return {};
  }

  [[nodiscard]] bool fits_line(std::uint64_t size) const {
    return pixels_.position() % chunk_bytes() + size <= chunk_bytes();
  }

  /// Nothing got shorter, so nothing is encoded; chunk lengths need not be recorded then.
  static void forget_coding(VolumeEntry& entry) { entry.coding = ChunkCoding::kNone; }

  PixelWriter pixels_;
  const VolumeProgress& progress_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  ChunkCoder coder_;
  std::vector<VolumeEntry> entries_;
  VolumeSummary summary_;
};

/// Names good and different. Returns the size of all.
Result<std::uint64_t> check_inputs(std::span<const VolumeInput> inputs) {
  std::set<std::string_view> names;
  std::uint64_t total = 0;
  for (const VolumeInput& input : inputs) {
    PX_CHECK(check_entry_name(input.name));
    if (!names.insert(input.name).second) {
      return fail(Errc::kUsage, "entry '{}' is given twice", input.name);
    }
    const auto sum = checked_add(total, input.size_bytes);
    if (!sum) return fail(Errc::kLimit, "the sizes of all entries overflow");
    total = *sum;
  }
  return total;
}

}  // namespace

Result<VolumeSummary> write_volume(std::span<const VolumeInput> inputs, BlobWriter& blob,
                                   const VolumeWrite& options) {
  PX_TRY(const std::uint64_t total, check_inputs(inputs));
  const std::uint32_t line_bytes =
      options.line_bytes != 0 ? options.line_bytes : choose_line_bytes(total);
  PX_TRY(PixelWriter pixels, PixelWriter::create(blob, line_bytes));
  VolumeWriter writer(std::move(pixels), options.progress, total);
  for (const VolumeInput& input : inputs) {
    auto added = writer.add(input);
    if (!added) return in_context(input.name, std::move(added).error());
  }
  return writer.finish();
}

Result<VolumeSummary> write_volume(std::span<const VolumeInput> inputs, BlobStore& store,
                                   std::string_view name, const VolumeWrite& options) {
  PX_TRY(const std::unique_ptr<BlobWriter> blob, store.create(name));
  PX_TRY(const VolumeSummary summary, write_volume(inputs, *blob, options));
  PX_CHECK(blob->publish());
  return summary;
}

}  // namespace pxos::pixelfs
