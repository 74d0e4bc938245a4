#pragma once
// A window for one guest's screen: each presented picture, as large as fits in whole pixels; keys
// and mouse as the host calls know them. Events are taken in by poll(), which every other member
// calls, so that a program which asks for nothing still has a window that can be closed as soon as
// it shows a picture. One at a time, on the main thread.

#include "hypervisor/ports.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace pxos::shell {

class GuestWindow {
 public:
  /// The window appears with the first picture. Errors: kIo with SDL's reason, e.g. no display.
  static Result<std::unique_ptr<GuestWindow>> open(const std::string& title);
  ~GuestWindow();
  GuestWindow(const GuestWindow&) = delete;
  GuestWindow& operator=(const GuestWindow&) = delete;

  /// Shows a picture of 3 or 4 channels. Errors: kIo when there cannot be a window.
  Result<void> show(const pixelfs::Image& picture);
  /// Takes in what happened; at most once in a millisecond, so that asking often costs nothing.
  void poll();
  /// The user closed it.
  [[nodiscard]] bool is_closed() const;

  /// Keys by the numbers of docs/spec/machine.md.
  [[nodiscard]] bool is_down(std::int64_t key);
  /// The next key that was pressed, oldest first; -1 when there is none. Keeps at most 256.
  [[nodiscard]] std::int64_t next_key();
  [[nodiscard]] hypervisor::HostPorts::Mouse mouse();

 private:
  struct State;
  explicit GuestWindow(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pxos::shell
