#pragma once
// How the vm reaches the pixels of a region that tiles back (it addresses arenas and sheets
// itself). Implemented by the map, one port a region: coordinates are the region's own, (0, 0) its
// upper left pixel, and nothing outside it can be reached. Pixels are RGBA bytes. Thread-safe.

#include "pxvm/base/bytes.hpp"

#include <cstddef>
#include <cstdint>

namespace pxos::vm {

/// [x, x + width) x [y, y + height) of a region.
struct PixelRect {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

enum class PinMode : std::uint8_t {
  kRead,   ///< pixels as they were when pinned, whatever is written meanwhile
  kWrite,  ///< a private copy, seen by others once unpinned
};

/// Pixels as memory: pixel (x, y) of the rectangle at data[y * stride_bytes + 4 x].
struct PinnedPixels {
  std::uint64_t id = 0;
  std::uint8_t* data = nullptr;  ///< read-only for PinMode::kRead
  std::size_t stride_bytes = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

class TilePort {
 public:
  virtual ~TilePort() = default;

  // Errors: kUsage for a rectangle that is not inside the region or a wrong byte count; kNotFound
  // once the region is gone; kDenied when its pixels are not tiles; kIo, kInvalid from the tiles.
  virtual Result<void> read(const PixelRect& rect, MutBytes rgba) = 0;
  virtual Result<void> write(const PixelRect& rect, Bytes rgba) = 0;
  virtual Result<void> fill(const PixelRect& rect, std::uint32_t rgba) = 0;  ///< r in the low byte

  /// Holds pixels in memory until unpin(). Errors: those above; kDenied while a write pin of this
  /// port overlaps; kLimit above 2^24 pixels or 2^10 pins.
  virtual Result<PinnedPixels> pin(const PixelRect& rect, PinMode mode) = 0;
  /// Ends a pin; a write pin's pixels become the region's. Errors: kNotFound for an unknown id;
  /// those of write, after which the pin is gone all the same.
  virtual Result<void> unpin(std::uint64_t id) = 0;
};

}  // namespace pxos::vm
