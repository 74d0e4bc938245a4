#include "hypervisor/guest_host.hpp"

#include "pixelfs/font.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <thread>

#include <fmt/format.h>

namespace pxos::hypervisor {
namespace {

using isa::TensorDecl;

/// The guest's `screen` region as a picture: u8[height, width] or with 1, 3 or 4 channels.
Result<pixelfs::Image> screen_image(vm::Machine& machine) {
  PX_TRY(const vm::TensorView view, machine.view("screen"));
  const std::int64_t channels = view.rank == 3 ? view.dims[2] : 1;
  if (view.element != TensorDecl::Element::kU8 || (view.rank != 2 && view.rank != 3) ||
      (channels != 1 && channels != 3 && channels != 4)) {
    return fail(Errc::kInvalid, "region 'screen' is {}, expected u8[height, width, 3]",
                view.shape_text());
  }
  pixelfs::Image image{static_cast<std::uint32_t>(view.dims[1]),
                       static_cast<std::uint32_t>(view.dims[0]),
                       static_cast<std::uint32_t>(std::max<std::int64_t>(channels, 3)),
                       {}};
  if (channels != 1) {
    image.pixels.assign(view.data, view.data + view.length);
    return image;
  }
  // Receivers know colours only: one channel is three equal ones.
  image.pixels.reserve(view.length * 3);
  for (std::uint64_t i = 0; i < view.length; ++i)
    image.pixels.insert(image.pixels.end(), 3, view.data[i]);
  return image;
}

/// String `index` of the program.
Result<std::string_view> string_of(const vm::Machine& machine, std::int64_t index) {
  const auto& strings = machine.linked().program().strings;
  if (index < 0 || index >= static_cast<std::int64_t>(strings.size()))
    return fail(Errc::kInvalid, "string {} of {}", index, strings.size());
  return std::string_view(strings[static_cast<std::size_t>(index)]);
}

/// Bytes [first, first + count) of the guest's region `file`; without a count all from `first` on.
Result<MutBytes> file_region(vm::Machine& machine, std::int64_t first,
                             std::optional<std::int64_t> count) {
  PX_TRY(const vm::TensorView view, machine.view("file"));
  if (view.element != TensorDecl::Element::kU8 || view.data == nullptr)
    return fail(Errc::kInvalid, "region 'file' is {}, expected u8", view.shape_text());
  const auto length = static_cast<std::int64_t>(view.length);
  const bool inside = first >= 0 && first <= length;
  if (!inside || count.value_or(0) < 0 || count.value_or(0) > length - first)
    return fail(Errc::kInvalid, "{} bytes from byte {} of a region of {}", count.value_or(0), first,
                length);
  return MutBytes(view.data + first, static_cast<std::size_t>(count.value_or(length - first)));
}

}  // namespace

GuestHost::GuestHost(const HostPorts& ports, std::vector<std::string> granted, std::uint64_t seed)
    : ports_(ports),
      granted_(std::move(granted)),
      rng_(seed),
      start_(std::chrono::steady_clock::now()) {}

GuestHost::Value GuestHost::write_console(std::string_view text) {
  if (!ports_.console) return fail(Errc::kDenied, "there is no console");
  ports_.console(text);
  return 0;
}

GuestHost::Value GuestHost::console_text(const Request& request) {
  PX_TRY(const std::string_view text, string_of(request.machine, request.a));
  return write_console(text);
}

GuestHost::Value GuestHost::console_i64(const Request& request) {
  return write_console(fmt::format("{}", request.a));
}

GuestHost::Value GuestHost::console_f32(const Request& request) {
  return write_console(
      fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(request.a))));
}

GuestHost::Value GuestHost::screen_present(const Request& request) {
  if (!ports_.present) return fail(Errc::kDenied, "there is no screen");
  PX_TRY(const pixelfs::Image image, screen_image(request.machine));
  ports_.present(image);
  return 0;
}

GuestHost::Value GuestHost::screen_text(const Request& request) {
  PX_TRY(const std::string_view text, string_of(request.machine, request.a));
  PX_TRY(pixelfs::Image image, screen_image(request.machine));
  PX_TRY(const MutBytes memory, request.machine.memory("screen"));
  PX_TRY(const vm::TensorView view, request.machine.view("screen"));
  const auto width =
      pixelfs::font::draw_text(image, request.b, request.c, text, {{235, 235, 225}, 1});
  // Of a screen with one channel, the first of three.
  const std::size_t step = image.pixels.size() / std::max<std::size_t>(view.length, 1);
  for (std::size_t i = 0; i < view.length; ++i) memory[i] = image.pixels[i * step];
  return width;
}

std::int64_t GuestHost::now_ms() const {
  if (ports_.virtual_clock) return virtual_ms_;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               start_)
      .count();
}

GuestHost::Value GuestHost::clock_ms(const Request&) {
  return now_ms();
}

/// In naps, so that a stopped program does not sleep on.
GuestHost::Value GuestHost::clock_wait(const Request& request) {
  constexpr std::int64_t kNapMs = 10;
  virtual_ms_ = std::max(virtual_ms_, request.a);
  while (now_ms() < request.a && !request.machine.stopping()) {
    const std::int64_t left = std::min(kNapMs, request.a - now_ms());
    std::this_thread::sleep_for(std::chrono::milliseconds(left));
  }
  return now_ms();
}

GuestHost::Value GuestHost::random_u32(const Request&) {
  return rng_.next_u32();
}

GuestHost::Value GuestHost::key_down(const Request& request) {
  if (!ports_.key_down) return fail(Errc::kDenied, "there is no keyboard");
  return ports_.key_down(request.a) ? 1 : 0;
}

GuestHost::Value GuestHost::key_next(const Request&) {
  if (!ports_.next_key) return fail(Errc::kDenied, "there is no keyboard");
  return ports_.next_key();
}

Result<HostPorts::Mouse> GuestHost::mouse() const {
  if (!ports_.mouse) return fail(Errc::kDenied, "there is no mouse");
  return ports_.mouse();
}

GuestHost::Value GuestHost::mouse_x(const Request&) {
  PX_TRY(const HostPorts::Mouse now, mouse());
  return now.x;
}

GuestHost::Value GuestHost::mouse_y(const Request&) {
  PX_TRY(const HostPorts::Mouse now, mouse());
  return now.y;
}

GuestHost::Value GuestHost::mouse_buttons(const Request&) {
  PX_TRY(const HostPorts::Mouse now, mouse());
  return now.buttons;
}

// A program may ask for a gamepad where none is: it has no buttons held.
GuestHost::Value GuestHost::pad_buttons(const Request& request) {
  return ports_.pad_buttons ? ports_.pad_buttons(request.a) : 0;
}

GuestHost::Value GuestHost::pad_axis(const Request& request) {
  return ports_.pad_axis ? ports_.pad_axis(request.a, request.b) : 0;
}

GuestHost::Value GuestHost::tokens_count(const Request&) {
  return static_cast<std::int64_t>(ports_.tokens.size());
}

GuestHost::Value GuestHost::tokens_get(const Request& request) {
  const auto count = static_cast<std::int64_t>(ports_.tokens.size());
  if (request.a < 0 || request.a >= count)
    return fail(Errc::kInvalid, "token {} of {}", request.a, count);
  return ports_.tokens[static_cast<std::size_t>(request.a)];
}

GuestHost::Value GuestHost::tokens_put(const Request& request) {
  if (!ports_.put_token) return fail(Errc::kDenied, "nobody takes tokens");
  if (request.a < 0 || request.a > std::numeric_limits<std::int32_t>::max())
    return fail(Errc::kInvalid, "{} is no token", request.a);
  ports_.put_token(static_cast<std::int32_t>(request.a));
  return ++answered_;
}

GuestHost::Value GuestHost::file_size(const Request& request) {
  PX_TRY(const std::string_view name, string_of(request.machine, request.a));
  if (!ports_.file_size) return -1;
  const Result<std::uint64_t> size = ports_.file_size(name);
  if (size) return static_cast<std::int64_t>(*size);
  if (size.error().code == Errc::kNotFound) return -1;
  return tl::unexpected<Error>(size.error());
}

GuestHost::Value GuestHost::file_read(const Request& request) {
  PX_TRY(const std::string_view name, string_of(request.machine, request.a));
  if (!ports_.read_file) return fail(Errc::kDenied, "there are no files");
  if (request.b < 0) return fail(Errc::kInvalid, "byte {} of file '{}'", request.b, name);
  PX_TRY(const MutBytes memory, file_region(request.machine, request.c, std::nullopt));
  PX_TRY(const std::uint64_t count,
         ports_.read_file(name, static_cast<std::uint64_t>(request.b), memory));
  return static_cast<std::int64_t>(count);
}

GuestHost::Value GuestHost::file_write(const Request& request) {
  PX_TRY(const std::string_view name, string_of(request.machine, request.a));
  if (!ports_.write_file) return fail(Errc::kDenied, "there are no files");
  if (request.b < 0) return fail(Errc::kInvalid, "byte {} of file '{}'", request.b, name);
  PX_TRY(const MutBytes memory, file_region(request.machine, 0, request.c));
  PX_CHECK(ports_.write_file(name, static_cast<std::uint64_t>(request.b), memory));
  return request.c;
}

const GuestHost::Service* GuestHost::find_service(isa::HostCall call) {
  using isa::HostCall;
  static constexpr Service kServices[] = {
      {HostCall::kConsoleText, &GuestHost::console_text},
      {HostCall::kConsoleI64, &GuestHost::console_i64},
      {HostCall::kConsoleF32, &GuestHost::console_f32},
      {HostCall::kScreenPresent, &GuestHost::screen_present},
      {HostCall::kScreenText, &GuestHost::screen_text},
      {HostCall::kClockMs, &GuestHost::clock_ms},
      {HostCall::kRandomU32, &GuestHost::random_u32},
      {HostCall::kKeyDown, &GuestHost::key_down},
      {HostCall::kKeyNext, &GuestHost::key_next},
      {HostCall::kMouseX, &GuestHost::mouse_x},
      {HostCall::kMouseY, &GuestHost::mouse_y},
      {HostCall::kMouseButtons, &GuestHost::mouse_buttons},
      {HostCall::kPadButtons, &GuestHost::pad_buttons},
      {HostCall::kPadAxis, &GuestHost::pad_axis},
      {HostCall::kTokensCount, &GuestHost::tokens_count},
      {HostCall::kTokensGet, &GuestHost::tokens_get},
      {HostCall::kTokensPut, &GuestHost::tokens_put},
      {HostCall::kFileSize, &GuestHost::file_size},
      {HostCall::kFileRead, &GuestHost::file_read},
      {HostCall::kFileWrite, &GuestHost::file_write},
      {HostCall::kClockWait, &GuestHost::clock_wait},
  };
  const auto* found = std::find_if(std::begin(kServices), std::end(kServices),
                                   [&](const Service& service) { return service.call == call; });
  return found != std::end(kServices) ? found : nullptr;
}

void GuestHost::turn(vm::Machine& /*machine*/) {
  if (quiescent_) quiescent_();
}

Result<std::int64_t> GuestHost::call(vm::Machine& machine, isa::HostCall call, std::int64_t a,
                                     std::int64_t b, std::int64_t c) {
  if (quiescent_) quiescent_();
  const isa::HostCallInfo* info = isa::find_host_call(static_cast<std::uint32_t>(call));
  const Service* service = find_service(call);
  if (info == nullptr || service == nullptr)
    return fail(Errc::kUnsupported, "host call {} is not known", static_cast<int>(call));
  if (std::find(granted_.begin(), granted_.end(), info->capability) == granted_.end()) {
    denied_.emplace_back(info->text);
    return fail(Errc::kDenied,
                "host call {} needs the capability '{}', which the manifest does not ask for",
                info->text, info->capability);
  }
  return (this->*service->serve)({machine, a, b, c});
}

}  // namespace pxos::hypervisor
