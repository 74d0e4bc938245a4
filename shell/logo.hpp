#pragma once
// The picture the shell boots with.

#include "pixelfs/png.hpp"

namespace pxos::shell {

/// "pxOS" in square pixels, RGBA over nothing.
[[nodiscard]] pixelfs::Image draw_logo();

}  // namespace pxos::shell
