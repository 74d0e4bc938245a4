#pragma once
// A screen without a window: events come from a script, frames are counted, hashed and can be
// written as PNG. wake() and push() may be called from any thread.

#include "shell/screen.hpp"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>

namespace pxos::shell {

class HeadlessScreen final : public Screen {
 public:
  explicit HeadlessScreen(Size size = kDesignSize) : size_(size) {}

  [[nodiscard]] Size size() const override { return size_; }
  void present(const pixelfs::Image& frame) override;
  std::optional<Event> next_event(std::chrono::milliseconds timeout) override;
  void wake() override { push(Event{}); }
  [[nodiscard]] std::string clipboard() const override { return clipboard_; }

  void push(Event event);
  void type(std::string_view text);
  void press(KeyStroke stroke);
  void set_clipboard(std::string text) { clipboard_ = std::move(text); }
  void resize(Size size);

  [[nodiscard]] const pixelfs::Image& frame() const { return frame_; }
  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  /// XXH3-64 of the frame's pixels, for goldens.
  [[nodiscard]] std::uint64_t frame_hash() const;

 private:
  Size size_;
  pixelfs::Image frame_;
  std::uint64_t frames_ = 0;
  std::string clipboard_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
};

/// Writes a frame as PNG, atomically.
Result<void> write_screenshot(const pixelfs::Image& frame, const std::filesystem::path& path);

}  // namespace pxos::shell
