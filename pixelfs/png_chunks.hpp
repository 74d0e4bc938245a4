#pragma once
// Walking and composing the chunk list of a PNG. Offsets are file offsets; nothing is copied.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <string_view>

namespace pxos::pixelfs {

inline constexpr std::uint64_t kPngSignatureBytes = 8;
inline constexpr std::uint64_t kPngHeaderBytes = 33;  ///< signature and IHDR chunk
inline constexpr std::uint64_t kChunkOverhead = 12;   ///< length, type, CRC

[[nodiscard]] Bytes png_signature();

struct ChunkRef {
  std::uint64_t offset = 0;  ///< of its length field
  std::string_view type;     ///< four ASCII letters, borrowed
  Bytes data;                ///< borrowed
  std::uint32_t stored_crc = 0;
  std::uint32_t actual_crc() const;
  [[nodiscard]] std::uint64_t end() const { return offset + kChunkOverhead + data.size(); }
  [[nodiscard]] bool critical() const { return (static_cast<unsigned>(type[0]) & 0x20U) == 0; }
};

/// Errors: kInvalid when the chunk does not lie in the file or its type is not four letters.
Result<ChunkRef> chunk_at(Bytes file, std::uint64_t offset);

[[nodiscard]] std::uint32_t read_be32(const std::uint8_t* p);
void put_be32(ByteVector& out, std::uint32_t value);
/// Appends length, type, data, CRC. Requires: type.size() == 4, data.size() < 2^31.
void put_chunk(ByteVector& out, std::string_view type, Bytes data);
/// Appends the signature and the IHDR chunk of an 8-bit non-interlaced picture. channels: 1, 3
/// or 4.
void put_png_header(ByteVector& out, std::uint32_t width, std::uint32_t height,
                    std::uint32_t channels);

}  // namespace pxos::pixelfs
