#pragma once
// How a chunk of a volume is stored: as it is, as a zstd frame, or as palette-delta
// (docs/spec/pixelfs.md). A stored form as long as the chunk itself is the chunk itself, whatever
// the coding, so no chunk ever grows.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace pxos::pixelfs {

/// Codes are in directories of volumes and fixed for ever.
enum class ChunkCoding : std::uint8_t { kNone = 0, kZstd = 1, kPaletteDelta = 2 };
inline constexpr std::uint8_t kChunkCodings = 3;
[[nodiscard]] std::string_view coding_name(ChunkCoding coding);

/// Owns the compressor's state, which is worth keeping from chunk to chunk. Not thread-safe.
class ChunkCoder {
 public:
  ChunkCoder();
  ~ChunkCoder();
  ChunkCoder(ChunkCoder&&) noexcept;
  ChunkCoder& operator=(ChunkCoder&&) noexcept;

  /// The stored form, shorter than `raw`; or a copy of `raw` when the coding does not shorten it.
  /// Same input, same bytes (for zstd: with the same library version).
  Result<ByteVector> encode(ChunkCoding coding, Bytes raw);

  /// Fills all of `raw`, whose length is known, from its stored form. Errors: kInvalid for anything
  /// encode does not make: wrong lengths, damage, more output than there is room for.
  Result<void> decode(ChunkCoding coding, Bytes stored, MutBytes raw);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The pure half: `raw` as differences to the byte `stride` before, each an index of as few bits as
/// there are different ones need. Empty when there are more than 128. Stride is the best of 1..4.
[[nodiscard]] ByteVector encode_palette_delta(Bytes raw);
Result<void> decode_palette_delta(Bytes stored, MutBytes raw);

}  // namespace pxos::pixelfs
