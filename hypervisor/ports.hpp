#pragma once
// What a guest's host calls reach, declared here and implemented by the shell (or by tests). A null
// function is a service that is not there; calling it is denied and logged.

#include "pixelfs/png.hpp"

#include <cstdint>
#include <functional>
#include <string_view>

namespace pxos::hypervisor {

struct HostPorts {
  /// Text a guest writes to the console (UTF-8).
  std::function<void(std::string_view)> console;
  /// A guest's screen, RGB, as it is now; copied by the receiver.
  std::function<void(const pixelfs::Image&)> present;
};

}  // namespace pxos::hypervisor
