#pragma once
// The picture the shell boots with.

#include "pixelfs/png.hpp"

namespace pxos::shell {

/// "pxOS" in square pixels and what it is, RGBA over nothing.
[[nodiscard]] pixelfs::Image draw_logo();

}  // namespace pxos::shell
