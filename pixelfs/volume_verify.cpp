// Every byte of a volume is covered by a check that knows where it is: chunk checksums for content,
// zeros for what is unused, frames and CRCs for the PNG structure.

#include "pixelfs/volume.hpp"
#include "pixelfs/volume_directory.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>

namespace pxos::pixelfs {
namespace {

using Part = VolumeDamage::Part;

/// A run of the pixel space, [begin, end).
struct Run {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// What belongs to neither header nor directory nor an entry.
std::vector<Run> unused_runs(std::span<const VolumeEntry> entries, Run directory,
                             std::uint64_t size) {
  std::vector<Run> used{{0, kVolumeHeaderBytes}, directory};
  for (const VolumeEntry& entry : entries) {
    used.push_back({entry.offset, entry.offset + entry.stored_bytes});
  }
  std::sort(used.begin(), used.end(), [](Run a, Run b) { return a.begin < b.begin; });
  std::vector<Run> unused;
  std::uint64_t at = 0;
  for (const Run& run : used) {
    if (run.begin > at) unused.push_back({at, run.begin});
    at = std::max(at, run.end);
  }
  if (at < size) unused.push_back({at, size});
  return unused;
}

class Verifier {
 public:
  Verifier(const Volume& volume, Run directory, const VolumeProgress& progress)
      : volume_(volume),
        pixels_(volume.pixels()),
        directory_(directory),
        progress_(progress),
        // Content once by chunk, and once by scanline.
        total_(volume.content_bytes() + (pixels_.in_place() ? pixels_.size_bytes() : 0)) {}

  Result<VolumeReport> run() {
    for (const VolumeEntry& entry : volume_.entries()) PX_CHECK(check_entry(entry));
    for (const Run& run : unused_runs(volume_.entries(), directory_, pixels_.size_bytes())) {
      PX_CHECK(check_unused(run));
    }
    if (pixels_.in_place()) PX_CHECK(check_lines());
    report_.content_bytes = volume_.content_bytes();
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::uint32_t line_of(std::uint64_t offset) const {
    return static_cast<std::uint32_t>(offset / pixels_.line_bytes());
  }

  Result<void> advance(std::uint64_t bytes) {
    done_ += bytes;
    if (!progress_ || progress_(done_, total_)) return {};
    return fail(Errc::kInterrupted, "verify stopped after {} of {} bytes", done_, total_);
  }

  void add(VolumeDamage damage) {
    if (report_.damage.size() < kMostDamage) {
      report_.damage.push_back(std::move(damage));
    } else {
      report_.more = true;
    }
  }

  /// Each chunk by its checksum; content by its digest when all chunks are good.
  Result<void> check_entry(const VolumeEntry& entry) {
    Xxh128Stream digest;
    bool good = true;
    ByteVector content;
    for (std::uint64_t i = 0; i < entry.chunks.size(); ++i) {
      const std::uint64_t begin = i * volume_.chunk_bytes();
      content.resize(chunk_content_bytes(entry, i, volume_.chunk_bytes()));
      const auto read = volume_.read(entry, begin, content);
      if (read) {
        digest.update(content);
      } else if (read.error().code == Errc::kIo) {
        return read;
      } else {
        good = false;
        damaged_.push_back(stored_run(entry.chunks[i]));
        add({Part::kChunk, entry.name, i, begin, begin + content.size(),
             line_of(entry.chunks[i].offset), read.error().message});
      }
      PX_CHECK(advance(content.size()));
    }
    if (!good || digest.digest() == entry.digest) return {};
    add({Part::kContent, entry.name, 0, 0, entry.size_bytes, line_of(entry.offset),
         fmt::format("'{}': digest {}, expected {}", entry.name, to_hex(digest.digest()),
                     to_hex(entry.digest))});
    return {};
  }

  static Run stored_run(const VolumeChunk& chunk) {
    return {chunk.offset, chunk.offset + chunk.stored_bytes};
  }

  /// Pixels that are not zero are reported once per scanline.
  Result<void> check_unused(Run run) {
    ByteVector bytes;
    while (run.begin < run.end) {
      const std::uint64_t line_end = (run.begin / pixels_.line_bytes() + 1) * pixels_.line_bytes();
      bytes.resize(std::min(run.end, line_end) - run.begin);
      PX_CHECK(pixels_.read(run.begin, bytes));
      const auto found = std::find_if(bytes.begin(), bytes.end(), [](auto b) { return b != 0; });
      if (found != bytes.end()) {
        const std::uint64_t at = run.begin + static_cast<std::uint64_t>(found - bytes.begin());
        damaged_.push_back({run.begin, run.begin + bytes.size()});
        add({Part::kPadding,
             {},
             0,
             0,
             0,
             line_of(at),
             fmt::format("unused pixel byte {} (scanline {}) is {:02x}, expected 00", at,
                         line_of(at), *found)});
      }
      run.begin += bytes.size();
    }
    return {};
  }

  /// Frames and CRCs. A scanline whose pixels are known to be damaged has a wrong CRC too; that is
  /// no second place.
  Result<void> check_lines() {
    std::sort(damaged_.begin(), damaged_.end(), [](Run a, Run b) { return a.begin < b.begin; });
    const SheetGeometry& g = pixels_.geometry();
    ByteVector framed;
    std::uint32_t adler = 1;
    bool last_is_sound = true;
    for (std::uint32_t line = 0; line < g.scanlines; ++line) {
      const LineSpan span = line_span(g, line);
      framed.resize(span.end - span.begin);
      PX_CHECK(pixels_.blob().read(span.begin, framed));
      const auto checked = check_line(framed, g, line);
      last_is_sound = checked.has_value();
      if (!checked && !is_damaged(line)) {
        add({Part::kFrame, {}, 0, 0, 0, line, checked.error().message});
      }
      adler = adler_of_line(Bytes(framed).subspan(span.payload - span.begin, g.payload), adler);
      PX_CHECK(advance(g.payload));
    }
    ByteVector tail(kSheetTailBytes);
    PX_CHECK(pixels_.blob().read(g.file_bytes() - kSheetTailBytes, tail));
    // The Adler-32 is wrong as well when pixels are, and part of the last scanline's CRC.
    const auto checked = check_tail(tail, g, adler);
    if (!checked && damaged_.empty() && last_is_sound) {
      add({Part::kEnd, {}, 0, 0, 0, g.scanlines - 1, checked.error().message});
    }
    return {};
  }

  /// Requires: damaged_ sorted. Its runs do not overlap, so their ends ascend as well.
  [[nodiscard]] bool is_damaged(std::uint32_t line) const {
    const std::uint64_t begin = std::uint64_t{line} * pixels_.line_bytes();
    const auto run = std::partition_point(damaged_.begin(), damaged_.end(),
                                          [&](const Run& r) { return r.end <= begin; });
    return run != damaged_.end() && run->begin < begin + pixels_.line_bytes();
  }

  const Volume& volume_;
  const PixelReader& pixels_;
  Run directory_;
  const VolumeProgress& progress_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::vector<Run> damaged_;
  VolumeReport report_;
};

}  // namespace

Result<VolumeReport> Volume::verify(const VolumeProgress& progress) const {
  return Verifier(*this, {directory_offset_, directory_offset_ + directory_bytes_}, progress).run();
}

}  // namespace pxos::pixelfs
