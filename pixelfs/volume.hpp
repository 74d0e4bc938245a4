#pragma once
// A volume: any files, stored as the pixels of one PNG (docs/spec/pixelfs.md). Files are cut into
// chunks of one scanline; each has a checksum, so damage is located, and may be compressed where
// that was measured to pay. Reading a range touches the chunks that hold it and nothing else.
// A Volume is immutable after open and safe to read from any thread.

#include "pixelfs/blob_store.hpp"
#include "pixelfs/chunk_coder.hpp"
#include "pixelfs/pixel_space.hpp"
#include "pxvm/base/hash.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::pixelfs {

inline constexpr std::string_view kVolumeMagic = "pxVOLU";
inline constexpr std::uint16_t kVolumeVersion = 1;

/// Where a chunk lies in the pixel space, and what its stored bytes must hash to.
struct VolumeChunk {
  std::uint64_t offset = 0;
  std::uint64_t hash = 0;  ///< XXH3-64 of the stored bytes
  std::uint32_t stored_bytes = 0;
};

struct VolumeEntry {
  std::string name;  ///< relative path with '/', no "." or ".."
  ChunkCoding coding = ChunkCoding::kNone;
  std::uint64_t size_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t offset = 0;  ///< in the pixel space; chunks follow each other without gaps
  Xxh128 digest;             ///< of the whole content
  std::vector<VolumeChunk> chunks;
};

/// done / total content bytes; false stops the work with kInterrupted.
using VolumeProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// ---- writing
// -------------------------------------------------------------------------------------

/// A file to store. `read(offset, out)` fills `out` with its content from `offset`: once per byte
/// in ascending order, and a few chunks more to measure what compression gains.
struct VolumeInput {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::function<Result<void>(std::uint64_t offset, MutBytes out)> read;
  std::optional<ChunkCoding> coding;  ///< nullopt: measured
};

struct VolumeWrite {
  std::uint32_t line_bytes =
      0;  ///< of a scanline and a chunk, a multiple of 3; 0: by the total size
  VolumeProgress progress;
};

struct VolumeSummary {
  std::uint64_t content_bytes = 0;
  std::uint64_t stored_bytes = 0;  ///< of these, after compression
  std::uint64_t file_bytes = 0;
};

/// Streams a whole volume to `blob`; the caller publishes it. Same inputs, same bytes. Memory: a
/// few MiB and 24 bytes per chunk, whatever the size. Errors: kUsage for a bad or double name;
/// whatever an input or the blob returns.
Result<VolumeSummary> write_volume(std::span<const VolumeInput> inputs, BlobWriter& blob,
                                   const VolumeWrite& options = {});
/// The same under a name of a store, published: the name has its old content until all of the new
/// one is durable.
Result<VolumeSummary> write_volume(std::span<const VolumeInput> inputs, BlobStore& store,
                                   std::string_view name, const VolumeWrite& options = {});

// ---- reading
// -------------------------------------------------------------------------------------

/// One damaged place.
struct VolumeDamage {
  enum class Part : std::uint8_t {
    kChunk,    ///< content is wrong: a checksum does not fit
    kContent,  ///< all chunks are as written, and yet they do not give the content
    kFrame,    ///< PNG structure around a scanline; its pixels are as written
    kPadding,  ///< pixels that belong to nothing are not zero
    kEnd,      ///< Adler-32 or IEND
  };
  Part part = Part::kChunk;
  std::string entry;        ///< kChunk, kContent: whose
  std::uint64_t chunk = 0;  ///< kChunk: which
  std::uint64_t begin = 0;  ///< kChunk, kContent: bytes [begin, end) of the content
  std::uint64_t end = 0;
  std::uint32_t scanline = 0;  ///< where it starts
  std::string message;         ///< all of it in one line
};

struct VolumeReport {
  std::uint64_t content_bytes = 0;
  std::vector<VolumeDamage> damage;  ///< in file order within a part; at most kMostDamage
  bool more = false;                 ///< there is more of it
};
inline constexpr std::size_t kMostDamage = 1000;

class Volume {
 public:
  /// Reads header and directory; no content. Errors: kInvalid says whether the picture, the header
  /// or the directory is damaged or torn; kUnsupported; kLimit.
  static Result<Volume> open(std::shared_ptr<const BlobReader> blob, const PngLimits& limits = {});

  [[nodiscard]] std::span<const VolumeEntry> entries() const { return entries_; }
  /// Null when there is none.
  [[nodiscard]] const VolumeEntry* find(std::string_view name) const;
  [[nodiscard]] const PixelReader& pixels() const { return pixels_; }
  [[nodiscard]] std::uint32_t chunk_bytes() const { return pixels_.line_bytes(); }
  [[nodiscard]] std::uint64_t content_bytes() const;

  /// Content bytes [offset, offset + out.size()) of an entry of this volume, each chunk checked.
  /// Errors: kUsage outside the entry; kInvalid names file, chunk and byte range.
  Result<void> read(const VolumeEntry& entry, std::uint64_t offset, MutBytes out) const;

  /// The same range in pieces of at most `budget_bytes` (at least a chunk), front to back, for
  /// content larger than memory. Stops at the first error of `sink`.
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint64_t budget_bytes = 4U << 20U;
  };
  using Sink = std::function<Result<void>(Bytes piece)>;
  Result<void> stream(const VolumeEntry& entry, const Range& range, const Sink& sink) const;

  /// Checks every byte of the file and says where it is damaged. Errors: kInterrupted, kIo.
  Result<VolumeReport> verify(const VolumeProgress& progress = {}) const;

 private:
  explicit Volume(PixelReader pixels) : pixels_(std::move(pixels)) {}
  Result<void> read_directory();

  PixelReader pixels_;
  std::vector<VolumeEntry> entries_;
  std::uint64_t directory_offset_ = 0;
  std::uint64_t directory_bytes_ = 0;
  std::unordered_map<std::string_view, std::size_t> index_;  ///< views into entries_
};

/// Content bytes of a chunk. Requires: chunk < entry.chunks.size().
[[nodiscard]] std::uint64_t chunk_content_bytes(const VolumeEntry& entry, std::uint64_t chunk,
                                                std::uint32_t chunk_bytes);

}  // namespace pxos::pixelfs
