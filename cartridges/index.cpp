#include "cartridges/index.hpp"

#include "pxvm/base/checked.hpp"

namespace pxos::cartridges {

ByteVector encode_index(const CartridgeIndex& index) {
  ByteWriter out;
  out.u32(kIndexVersion);
  out.u32(0);  // flags: none defined
  out.u64(index.payload_start);
  out.u64(index.file_size);
  out.u64(index.manifest_offset);
  out.u64(index.manifest_size);
  out.u64(index.manifest_digest.low);
  out.u64(index.manifest_digest.high);
  return out.take();
}

Result<CartridgeIndex> parse_index(Bytes chunk) {
  ByteReader reader(chunk);
  PX_TRY(const std::uint32_t version, reader.u32("cartridge index version"));
  if (version != kIndexVersion)
    return fail(Errc::kUnsupported, "cartridge index version {}; this build reads version {}",
                version, kIndexVersion);
  if (chunk.size() != kIndexBytes)
    return fail(Errc::kInvalid, "cartridge index of {} bytes, expected {}", chunk.size(),
                kIndexBytes);
  PX_TRY(const std::uint32_t flags, reader.u32("cartridge index flags"));
  if (flags != 0)
    return fail(Errc::kUnsupported, "cartridge index flags 0x{:x} are not known", flags);
  CartridgeIndex index;
  PX_TRY(index.payload_start, reader.u64("payload start"));
  PX_TRY(index.file_size, reader.u64("file size"));
  PX_TRY(index.manifest_offset, reader.u64("manifest offset"));
  PX_TRY(index.manifest_size, reader.u64("manifest size"));
  PX_TRY(index.manifest_digest.low, reader.u64("manifest digest"));
  PX_TRY(index.manifest_digest.high, reader.u64("manifest digest"));
  if (index.payload_start % kEntryAlign != 0 || index.manifest_offset % kEntryAlign != 0)
    return fail(Errc::kInvalid,
                "cartridge index: payload at {} or manifest at {} is not 4096-aligned",
                index.payload_start, index.manifest_offset);
  if (index.manifest_offset < index.payload_start)
    return fail(Errc::kInvalid, "cartridge index: manifest at {} before the payload at {}",
                index.manifest_offset, index.payload_start);
  const auto end = checked_add(index.manifest_offset, index.manifest_size);
  if (!end || *end != index.file_size)
    return fail(Errc::kInvalid,
                "cartridge index: manifest of {} bytes at {} does not end the file of {}",
                index.manifest_size, index.manifest_offset, index.file_size);
  return index;
}

}  // namespace pxos::cartridges
