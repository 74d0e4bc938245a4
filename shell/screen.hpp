#pragma once
// The shell's window on the world: a frame of logical pixels goes out, key strokes come in.
// SdlScreen shows a window, HeadlessScreen keeps the frame. All members but wake() belong to the
// thread that made the screen; wake() may be called from any.

#include "pixelfs/png.hpp"
#include "pxvm/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pxos::shell {

/// Keys that are not text. A letter pressed with Ctrl or Alt is kLetter with `letter` set.
enum class Key : std::uint8_t {
  kLetter,
  kEnter,
  kTab,
  kBackspace,
  kDelete,
  kLeft,
  kRight,
  kUp,
  kDown,
  kHome,
  kEnd,
  kPageUp,
  kPageDown,
  kEscape,
  kF1,
  kF8,
};

struct KeyStroke {
  Key key = Key::kLetter;
  char letter = 0;  ///< lower case ASCII for kLetter
  bool ctrl = false;
  bool alt = false;
  bool shift = false;
};

struct Event {
  enum class Kind : std::uint8_t {
    kText,   ///< `text`: UTF-8 typed
    kKey,    ///< `key`
    kFile,   ///< `text`: path of a file dropped on the window
    kWheel,  ///< `amount`: rows up (positive) or down
    kSize,   ///< the size changed, or the picture was lost: draw again
    kWake,   ///< wake() was called
    kClose,  ///< the window is being closed
  };
  Kind kind = Kind::kWake;
  std::string text;
  KeyStroke key;
  int amount = 0;
};

struct Size {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

/// The frame the console is designed for.
inline constexpr Size kDesignSize{960, 540};

class Screen {
 public:
  virtual ~Screen() = default;
  /// Logical pixels of the next frame: at least kMinimumSize.
  [[nodiscard]] virtual Size size() const = 0;
  /// Shows an RGB frame of size().
  virtual void present(const pixelfs::Image& frame) = 0;
  /// The next event, or nullopt when none came within `timeout`.
  virtual std::optional<Event> next_event(std::chrono::milliseconds timeout) = 0;
  /// Makes a waiting next_event return.
  virtual void wake() = 0;
  [[nodiscard]] virtual std::string clipboard() const = 0;
};

/// Below this a console makes no sense; a smaller window shows the upper left part.
inline constexpr Size kMinimumSize{320, 180};

}  // namespace pxos::shell
