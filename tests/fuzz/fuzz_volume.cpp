// Volumes: picture, header and directory, every range and check of an accepted one; and the
// directory and the chunk codings by themselves, which the checksums would otherwise keep a fuzzer
// away from.

#include "pixelfs/memory_store.hpp"
#include "pixelfs/volume.hpp"
#include "pixelfs/volume_directory.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>

namespace {

namespace pixelfs = pxos::pixelfs;
using pxos::Bytes;
using pxos::ByteVector;

void open_as_volume(const ByteVector& file) {
  const pixelfs::PngLimits limits{
      .max_width = 16'000, .max_height = 16'000, .max_pixels = 1U << 20U};
  const auto volume = pixelfs::Volume::open(pixelfs::memory_blob(file), limits);
  if (!volume) return;
  static_cast<void>(volume->verify());
  for (const pixelfs::VolumeEntry& entry : volume->entries()) {
    ByteVector part(std::min<std::uint64_t>(entry.size_bytes / 2, 4096));
    static_cast<void>(volume->read(entry, entry.size_bytes - part.size(), part));
  }
}

/// The directory as if its hash were right.
void decode_as_directory(Bytes bytes) {
  pixelfs::VolumeHeader header;
  header.line_bytes = 66;
  header.scanlines = 1000;
  header.directory_offset = 500;
  header.directory_bytes = bytes.size();
  header.entries = bytes.empty() ? 0 : bytes[0] % 8U;
  if (!bytes.empty()) bytes = bytes.subspan(1);
  const auto entries = pixelfs::decode_volume_directory(bytes, header);
  if (!entries) return;
  for (const pixelfs::VolumeEntry& entry : *entries) {
    for (std::size_t i = 0; i < entry.chunks.size(); ++i) {
      const std::uint64_t end = entry.chunks[i].offset + entry.chunks[i].stored_bytes;
      if (end > 66'000) __builtin_trap();  // outside the picture
    }
  }
}

void decode_as_chunk(Bytes bytes) {
  if (bytes.size() < 3) return;
  const auto coding = static_cast<pixelfs::ChunkCoding>(bytes[0] % pixelfs::kChunkCodings);
  ByteVector raw(1U + bytes[1] + 256U * bytes[2]);
  pixelfs::ChunkCoder coder;
  static_cast<void>(coder.decode(coding, bytes.subspan(3), raw));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteVector input(data, data + size);
  open_as_volume(input);
  decode_as_directory(input);
  decode_as_chunk(input);
  return 0;
}
