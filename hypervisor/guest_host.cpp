#include "hypervisor/guest_host.hpp"

#include "pixelfs/font.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace pxos::hypervisor {
namespace {

/// The guest's `screen` region as a picture: u8[height, width, 3 or 4].
Result<pixelfs::Image> screen_image(vm::Machine& machine) {
  PX_TRY(const vm::TensorView view, machine.view("screen"));
  if (view.element != isa::TensorDecl::Element::kU8 || view.rank != 3 ||
      (view.dims[2] != 3 && view.dims[2] != 4)) {
    return fail(Errc::kInvalid, "region 'screen' is {}, expected u8[height, width, 3]",
                view.shape_text());
  }
  pixelfs::Image image{static_cast<std::uint32_t>(view.dims[1]),
                       static_cast<std::uint32_t>(view.dims[0]),
                       static_cast<std::uint32_t>(view.dims[2]),
                       {}};
  image.pixels.assign(view.data, view.data + view.elements());
  return image;
}

}  // namespace

GuestHost::GuestHost(const HostPorts& ports, std::vector<std::string> granted, std::uint64_t seed)
    : ports_(ports),
      granted_(std::move(granted)),
      rng_(seed),
      start_(std::chrono::steady_clock::now()) {}

Result<std::int64_t> GuestHost::console(std::string_view text) {
  if (!ports_.console) return fail(Errc::kDenied, "there is no console");
  ports_.console(text);
  return 0;
}

Result<std::int64_t> GuestHost::present(vm::Machine& machine) {
  if (!ports_.present) return fail(Errc::kDenied, "there is no screen");
  PX_TRY(const pixelfs::Image image, screen_image(machine));
  ports_.present(image);
  return 0;
}

Result<std::int64_t> GuestHost::draw_text(vm::Machine& machine, std::string_view text,
                                          std::int64_t x, std::int64_t y) {
  PX_TRY(pixelfs::Image image, screen_image(machine));
  const auto width = pixelfs::font::draw_text(image, x, y, text, {{235, 235, 225}, 1});
  PX_TRY(const MutBytes memory, machine.memory("screen"));
  std::memcpy(memory.data(), image.pixels.data(), std::min(memory.size(), image.pixels.size()));
  return width;
}

Result<std::int64_t> GuestHost::call(vm::Machine& machine, isa::HostCall call, std::int64_t a,
                                     std::int64_t b, std::int64_t c) {
  if (quiescent_) quiescent_();
  const isa::HostCallInfo* info = isa::find_host_call(static_cast<std::uint32_t>(call));
  if (info == nullptr)
    return fail(Errc::kUnsupported, "host call {} is not known", static_cast<int>(call));
  if (std::find(granted_.begin(), granted_.end(), info->capability) == granted_.end()) {
    denied_.emplace_back(info->text);
    return fail(Errc::kDenied,
                "host call {} needs the capability '{}', which the manifest does not ask for",
                info->text, info->capability);
  }
  const auto& strings = machine.linked().program().strings;
  const bool takes_string =
      call == isa::HostCall::kConsoleText || call == isa::HostCall::kScreenText;
  if (takes_string && (a < 0 || a >= static_cast<std::int64_t>(strings.size()))) {
    return fail(Errc::kInvalid, "string {} of {}", a, strings.size());
  }
  switch (call) {
    case isa::HostCall::kConsoleText:
      return console(strings[static_cast<std::size_t>(a)]);
    case isa::HostCall::kConsoleI64:
      return console(fmt::format("{}", a));
    case isa::HostCall::kConsoleF32:
      return console(fmt::format("{}", std::bit_cast<float>(static_cast<std::uint32_t>(a))));
    case isa::HostCall::kScreenPresent:
      return present(machine);
    case isa::HostCall::kScreenText:
      return draw_text(machine, strings[static_cast<std::size_t>(a)], b, c);
    case isa::HostCall::kClockMs:
      return std::chrono::duration_cast<std::chrono::milliseconds>(
                 std::chrono::steady_clock::now() - start_)
          .count();
    case isa::HostCall::kRandomU32:
      return rng_.next_u32();
  }
  return fail(Errc::kUnsupported, "host call {} is not known", info->text);
}

}  // namespace pxos::hypervisor
