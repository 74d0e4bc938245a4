#pragma once
// What the first pixels of a PNG say, whatever encoder wrote them.

#include "pxvm/base/bytes.hpp"

namespace pxos::pixelfs {

/// The first `count` colour bytes (R, G, B of successive pixels of row 0, alpha left out; grey once
/// per channel). Fewer when row 0 is shorter. Errors: kInvalid / kUnsupported as peek_png_pixels.
Result<ByteVector> first_rgb_bytes(Bytes file, std::size_t count);

}  // namespace pxos::pixelfs
