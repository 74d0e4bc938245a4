#pragma once
// A screen in an SDL2 window: whole-number scaling of crisp pixels, the frame grows with the
// window, F11 or Alt-Enter for full screen. One at a time, on the main thread.

#include "shell/screen.hpp"

#include <memory>

namespace pxos::shell {

enum class WindowMode : std::uint8_t { kWindow, kFullScreen };

struct SdlScreenOptions {
  std::uint32_t scale = 0;  ///< window pixels per logical pixel; 0 = as many as fit the display
  WindowMode mode = WindowMode::kWindow;
};

/// Errors: kIo with SDL's reason, e.g. no display.
Result<std::unique_ptr<Screen>> open_sdl_screen(const SdlScreenOptions& options);

}  // namespace pxos::shell
