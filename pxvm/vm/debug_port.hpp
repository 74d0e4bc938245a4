#pragma once
// How a debugger looks on while a machine runs. With a port the machine runs the second copy of its
// loop over the unfused plan: the same bits, one instruction at a time.

#include <cstddef>

namespace pxos::vm {

class DebugPort {
 public:
  virtual ~DebugPort() = default;
  /// Instruction `pc` is next; the machine may be read and saved here. False: the machine pauses
  /// before it, and asks about the same one again when it is resumed.
  virtual bool before(std::size_t pc) = 0;
};

}  // namespace pxos::vm
