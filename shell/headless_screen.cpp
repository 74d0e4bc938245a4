#include "shell/headless_screen.hpp"

#include "pxvm/base/file.hpp"
#include "pxvm/base/hash.hpp"

namespace pxos::shell {

void HeadlessScreen::present(const pixelfs::Image& frame) {
  frame_ = frame;
  ++frames_;
}

std::optional<Event> HeadlessScreen::next_event(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [&] { return !events_.empty(); })) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void HeadlessScreen::push(Event event) {
  const std::scoped_lock lock(mutex_);
  events_.push_back(std::move(event));
  changed_.notify_all();
}

void HeadlessScreen::type(std::string_view text) {
  push({Event::Kind::kText, std::string(text), {}, 0});
}

void HeadlessScreen::press(KeyStroke stroke) {
  push({Event::Kind::kKey, {}, stroke, 0});
}

void HeadlessScreen::resize(Size size) {
  size_ = size;
  push({Event::Kind::kSize, {}, {}, 0});
}

std::uint64_t HeadlessScreen::frame_hash() const {
  return xxh3_64(frame_.pixels);
}

Result<void> write_screenshot(const pixelfs::Image& frame, const std::filesystem::path& path) {
  pixelfs::PngEncode options;
  options.compression = pixelfs::PngCompression::kFast;
  PX_TRY(const ByteVector png, pixelfs::encode_png(frame, options));
  return write_file_atomic(path, png);
}

}  // namespace pxos::shell
