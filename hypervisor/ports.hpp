#pragma once
// What a guest's host calls reach, declared here and implemented by the shell (or by tests). A null
// function is a service that is not there; calling it is denied and logged.

#include "pixelfs/png.hpp"
#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace pxos::hypervisor {

struct HostPorts {
  struct Mouse {
    std::int64_t x = -1, y = -1;  ///< in pixels of the guest's screen; -1 outside
    std::int64_t buttons = 0;     ///< 1 left, 2 right, 4 middle
  };

  /// Text a guest writes to the console (UTF-8).
  std::function<void(std::string_view)> console;
  /// A guest's screen, RGB, as it is now; copied by the receiver.
  std::function<void(const pixelfs::Image&)> present;

  /// Keys are numbers as docs/spec/machine.md has them.
  std::function<bool(std::int64_t key)> key_down;
  std::function<std::int64_t()> next_key;  ///< -1: none waits
  std::function<Mouse()> mouse;
  std::function<std::int64_t(std::int64_t pad)> pad_buttons;
  std::function<std::int64_t(std::int64_t pad, std::int64_t axis)> pad_axis;

  std::vector<std::int32_t> tokens;  ///< what the guest is given
  std::function<void(std::int32_t)> put_token;

  /// Files go by the names that the user gave them: nothing else can be reached. Reads return how
  /// much there was. Errors: kNotFound for a name that was not given.
  std::function<Result<std::uint64_t>(std::string_view name)> file_size;
  std::function<Result<std::uint64_t>(std::string_view name, std::uint64_t offset, MutBytes out)>
      read_file;
  std::function<Result<void>(std::string_view name, std::uint64_t offset, Bytes bytes)> write_file;

  /// Time stands still but for clock.wait, which goes there at once: runs are repeatable.
  bool virtual_clock = false;
};

}  // namespace pxos::hypervisor
