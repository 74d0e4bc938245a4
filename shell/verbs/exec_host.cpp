#include "shell/verbs/exec_host.hpp"

#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

/// Files of programs are small: pictures, games, tables.
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30U;

/// Every pixel as a square.
pixelfs::Image enlarged(const pixelfs::Image& image, std::uint32_t scale) {
  pixelfs::Image out{image.width * scale, image.height * scale, image.channels, {}};
  out.pixels.reserve(image.pixels.size() * scale * scale);
  for (std::uint32_t y = 0; y < out.height; ++y) {
    for (std::uint32_t x = 0; x < out.width; ++x) {
      const std::size_t at =
          (std::size_t{y / scale} * image.width + x / scale) * std::size_t{image.channels};
      out.pixels.insert(out.pixels.end(), image.pixels.begin() + static_cast<std::ptrdiff_t>(at),
                        image.pixels.begin() + static_cast<std::ptrdiff_t>(at + image.channels));
    }
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<ExecHost>> ExecHost::create(const ExecHostOptions& options,
                                                   std::atomic<bool>& stop) {
  auto host = std::unique_ptr<ExecHost>(new ExecHost(options, stop));
  for (const std::string& text : options.files) PX_CHECK(host->add_file(text, false));
  if (!options.rom.empty()) PX_CHECK(host->add_file("rom=" + options.rom, false));
  for (const std::string& text : options.outputs) PX_CHECK(host->add_file(text, true));
  PX_CHECK(host->add_keys(options.keys));
  if (!options.window.empty()) {
    PX_TRY(host->window_, GuestWindow::open(options.window));
  }
  host->connect();
  return host;
}

Result<void> ExecHost::add_file(const std::string& text, bool writable) {
  const std::size_t mark = text.find('=');
  if (mark == 0 || mark == std::string::npos || mark + 1 == text.size())
    return fail(Errc::kUsage, "'{}': a file is given as NAME=PATH", text);
  const std::string name = text.substr(0, mark);
  const std::filesystem::path path = text.substr(mark + 1);
  std::error_code problem;
  if (!writable && !std::filesystem::is_regular_file(path, problem))
    return fail(Errc::kNotFound, "{}: no such file", path.string());
  if (!files_.emplace(name, File{path, writable}).second)
    return fail(Errc::kUsage, "the file name '{}' is given twice", name);
  return {};
}

/// strokes ::= stroke {"," stroke};  stroke ::= FRAME ["-" FRAME] ":" KEY
Result<void> ExecHost::add_keys(const std::string& text) {
  if (text.find(':') == std::string::npos || text.size() == 1) {
    for (const char key : text) keys_.push_back(static_cast<unsigned char>(key));
    return {};
  }
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](std::uint64_t& value) {
    const auto [rest, problem] = std::from_chars(at, end, value);
    at = rest;
    return problem == std::errc();
  };
  const auto accept = [&](char wanted) { return at != end && *at == wanted && at++ != end; };
  while (at != end) {
    Stroke stroke;
    bool sound = number(stroke.first);
    stroke.last = stroke.first;
    if (sound && accept('-')) sound = number(stroke.last) && stroke.first <= stroke.last;
    if (!sound || !accept(':') || at == end)
      return fail(Errc::kUsage, "--keys wants FRAME:KEY or FIRST-LAST:KEY, found '{}' at byte {}",
                  text, at - text.data());
    stroke.key = static_cast<unsigned char>(*at++);
    strokes_.push_back(stroke);
    if (at != end && !accept(','))
      return fail(Errc::kUsage, "--keys wants a comma at byte {} of '{}'", at - text.data(), text);
  }
  return {};
}

bool ExecHost::is_held(std::int64_t key) const {
  if (window_ && window_->is_down(key)) return true;
  stop_if_closed();
  return key == held_ || std::any_of(strokes_.begin(), strokes_.end(), [&](const Stroke& stroke) {
           return stroke.key == key && stroke.first <= shown_ && shown_ <= stroke.last;
         });
}

void ExecHost::connect() {
  ports_.console = [](std::string_view text) { print_out("{}", text); };
  ports_.present = [this](const pixelfs::Image& image) { present(image); };
  ports_.key_down = [this](std::int64_t key) {
    warn_without_keys();
    return is_held(key);
  };
  ports_.next_key = [this] { return next_key(); };
  ports_.mouse = [this] { return window_ ? window_->mouse() : hypervisor::HostPorts::Mouse{}; };
  ports_.tokens = options_.tokens;
  ports_.put_token = [this](std::int32_t token) { answer_.push_back(token); };
  ports_.file_size = [this](std::string_view name) -> Result<std::uint64_t> {
    PX_TRY(const File* file, find(name));
    std::error_code problem;
    const std::uint64_t size = std::filesystem::file_size(file->path, problem);
    if (problem) return fail(Errc::kNotFound, "{}: {}", file->path.string(), problem.message());
    return size;
  };
  ports_.read_file = [this](std::string_view name, std::uint64_t offset, MutBytes out) {
    return read(name, offset, out);
  };
  ports_.write_file = [this](std::string_view name, std::uint64_t offset, Bytes bytes) {
    return write(name, offset, bytes);
  };
  ports_.virtual_clock = options_.virtual_clock;
}

void ExecHost::present(const pixelfs::Image& image) {
  if (finished()) return;
  ++shown_;
  if (window_) {
    const auto done = window_->show(image);
    if (!done) print_to(stderr, "pxos: {}\n", done.error().message);
  }
  if (finished()) stop_.store(true);
  // Of a given number of frames the last one is meant.
  if (options_.frames == 0 || finished()) take_screenshot(image);
}

void ExecHost::take_screenshot(const pixelfs::Image& image) {
  if (options_.screenshot.empty() || !drawn_) return;
  drawn_ = write_picture(options_.screenshot, enlarged(image, std::max(options_.scale, 1U)));
  if (!drawn_) stop_.store(true);
}

/// For programs that look at keys without showing anything.
void ExecHost::stop_if_closed() const {
  if (window_ && window_->is_closed()) stop_.store(true);
}

/// Says once why nothing happens.
void ExecHost::warn_without_keys() {
  if (is_warned_ || window_ || options_.frames != 0 || !options_.keys.empty()) return;
  is_warned_ = true;
  print_to(stderr, "pxos: the program asks for keys: give it a --window, --keys, or --frames\n");
}

void ExecHost::wait_for_user() {
  while (window_ && shown_ != 0 && !finished() && !stop_.load()) {
    window_->poll();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::int64_t ExecHost::next_key() {
  warn_without_keys();
  for (Stroke& stroke : strokes_) {
    if (stroke.is_taken || shown_ < stroke.first) continue;
    stroke.is_taken = true;
    return stroke.key;
  }
  stop_if_closed();
  if (keys_.empty()) return window_ ? window_->next_key() : -1;
  held_ = keys_.front();
  keys_.pop_front();
  return held_;
}

Result<const ExecHost::File*> ExecHost::find(std::string_view name) const {
  const auto found = files_.find(name);
  if (found == files_.end())
    return fail(Errc::kNotFound, "no file was given the name '{}' (--file {}=PATH)", name, name);
  return &found->second;
}

Result<std::uint64_t> ExecHost::read(std::string_view name, std::uint64_t offset,
                                     MutBytes out) const {
  PX_TRY(const File* file, find(name));
  PX_TRY(const ByteVector content, read_file(file->path, kMaxFileBytes));
  if (offset >= content.size()) return 0;
  const std::size_t count = std::min(out.size(), content.size() - static_cast<std::size_t>(offset));
  std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
  return count;
}

/// The file as a whole is replaced: a program that is stopped leaves the old one or the new one.
Result<void> ExecHost::write(std::string_view name, std::uint64_t offset, Bytes bytes) const {
  PX_TRY(const File* file, find(name));
  if (!file->writable) return fail(Errc::kDenied, "file '{}' was given to be read only", name);
  if (offset > kMaxFileBytes || bytes.size() > kMaxFileBytes - offset)
    return fail(Errc::kLimit, "a file of a program has at most {} bytes", kMaxFileBytes);
  ByteVector content;
  if (std::filesystem::exists(file->path)) {
    PX_TRY(content, read_file(file->path, kMaxFileBytes));
  }
  content.resize(std::max<std::size_t>(content.size(), offset + bytes.size()));
  std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
  return write_file_atomic(file->path, content);
}

}  // namespace pxos::shell
