#pragma once
// The `paCk` chunk of a cartridge: where the payload and the manifest lie (docs/spec/cartridge.md
// §2).

#include "pxvm/base/bytes.hpp"
#include "pxvm/base/hash.hpp"

#include <cstdint>
#include <string_view>

namespace pxos::cartridges {

inline constexpr std::string_view kIndexChunk = "paCk";
inline constexpr std::uint32_t kIndexVersion = 1;
inline constexpr std::uint64_t kIndexBytes = 56;
/// Entries and manifest start at multiples of this: one page, so that sheets map in place.
inline constexpr std::uint64_t kEntryAlign = 4096;
/// Bytes the writer keeps free for the label; readers accept any payload start after IEND.
inline constexpr std::uint64_t kLabelReserve = std::uint64_t{64} << 10U;

struct CartridgeIndex {
  std::uint64_t payload_start = 0;
  std::uint64_t file_size = 0;
  std::uint64_t manifest_offset = 0;
  std::uint64_t manifest_size = 0;
  Xxh128 manifest_digest;
};

[[nodiscard]] ByteVector encode_index(const CartridgeIndex& index);
/// Checks the index against itself, not against a file. Errors: kInvalid, kUnsupported (version).
Result<CartridgeIndex> parse_index(Bytes chunk);

}  // namespace pxos::cartridges
