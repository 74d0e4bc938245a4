#pragma once
// The services behind `host` instructions; implemented by the hypervisor, which checks
// capabilities.

#include "pxvm/base/result.hpp"
#include "pxvm/isa/opcodes.hpp"

#include <cstdint>
#include <string_view>

namespace pxos::vm {

class Machine;

class HostPort {
 public:
  virtual ~HostPort() = default;
  /// Result of host call `call` with arguments a, b, c. An Error becomes the guest's trap.
  virtual Result<std::int64_t> call(Machine& machine, isa::HostCall call, std::int64_t a,
                                    std::int64_t b, std::int64_t c) = 0;
  /// A `yield`: no instruction is under way, and the program has nothing to ask.
  virtual void turn(Machine& /*machine*/) {}
};

}  // namespace pxos::vm
