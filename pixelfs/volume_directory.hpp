#pragma once
// Header and directory of a volume: codec and the rules an entry must obey. Byte tables:
// docs/spec/pixelfs.md. Pure functions.

#include "pixelfs/volume.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pxos::pixelfs {

inline constexpr std::uint32_t kVolumeHeaderBytes = 64;
inline constexpr std::uint32_t kMaxVolumeName = 4096;

struct VolumeHeader {
  std::uint32_t line_bytes = 0;
  std::uint32_t scanlines = 0;
  std::uint64_t directory_offset = 0;  ///< in the pixel space
  std::uint64_t directory_bytes = 0;
  std::uint32_t entries = 0;
  std::uint64_t directory_hash = 0;  ///< XXH3-64
};

/// A name that can be written under a folder without leaving it. Errors: kUsage.
Result<void> check_entry_name(std::string_view name);

[[nodiscard]] ByteVector encode_volume_header(const VolumeHeader& header);
/// `bytes`: the first kVolumeHeaderBytes pixel bytes. Errors: kInvalid, kUnsupported.
Result<VolumeHeader> decode_volume_header(Bytes bytes);

[[nodiscard]] ByteVector encode_volume_directory(std::span<const VolumeEntry> entries);
/// Checks names, counts and that chunks lie in the picture, apart from each other and from header
/// and directory. The directory's own hash is the caller's business.
Result<std::vector<VolumeEntry>> decode_volume_directory(Bytes bytes, const VolumeHeader& header);

}  // namespace pxos::pixelfs
