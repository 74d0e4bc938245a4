#pragma once
// The host side of `host` instructions: checks the guest's capabilities, then serves the call from
// the ports.

#include "hypervisor/ports.hpp"
#include "pxvm/base/rng.hpp"
#include "pxvm/vm/host_port.hpp"
#include "pxvm/vm/machine.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace pxos::hypervisor {

class GuestHost final : public vm::HostPort {
 public:
  /// Keeps `ports`. `granted` are the capabilities of the manifest that policy allows.
  GuestHost(const HostPorts& ports, std::vector<std::string> granted, std::uint64_t seed);

  Result<std::int64_t> call(vm::Machine& machine, isa::HostCall call, std::int64_t a,
                            std::int64_t b, std::int64_t c) override;

  /// `use` runs at the start of every call, when no instruction is under way: others may read the
  /// guest's memory then.
  void at_quiescent_point(std::function<void()> use) { quiescent_ = std::move(use); }

  /// Calls that were refused, oldest first; for the log.
  [[nodiscard]] const std::vector<std::string>& denied() const { return denied_; }

 private:
  Result<std::int64_t> console(std::string_view text);
  Result<std::int64_t> present(vm::Machine& machine);
  Result<std::int64_t> draw_text(vm::Machine& machine, std::string_view text, std::int64_t x,
                                 std::int64_t y);

  const HostPorts& ports_;
  std::vector<std::string> granted_;
  std::vector<std::string> denied_;
  std::function<void()> quiescent_;
  CounterRng rng_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace pxos::hypervisor
