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
  void turn(vm::Machine& machine) override;

  /// `use` runs at the start of every call, when no instruction is under way: others may read the
  /// guest's memory then.
  void at_quiescent_point(std::function<void()> use) { quiescent_ = std::move(use); }

  /// Calls that were refused, oldest first; for the log.
  [[nodiscard]] const std::vector<std::string>& denied() const { return denied_; }

 private:
  using Value = Result<std::int64_t>;
  /// A host call with its arguments.
  struct Request {
    vm::Machine& machine;
    std::int64_t a, b, c;
  };
  struct Service {
    isa::HostCall call;
    Value (GuestHost::*serve)(const Request&);
  };
  static const Service* find_service(isa::HostCall call);

  Value console_text(const Request& request);
  Value console_i64(const Request& request);
  Value console_f32(const Request& request);
  Value screen_present(const Request& request);
  Value screen_text(const Request& request);
  Value clock_ms(const Request& request);
  Value clock_wait(const Request& request);
  Value random_u32(const Request& request);
  Value key_down(const Request& request);
  Value key_next(const Request& request);
  Value mouse_x(const Request& request);
  Value mouse_y(const Request& request);
  Value mouse_buttons(const Request& request);
  Value pad_buttons(const Request& request);
  Value pad_axis(const Request& request);
  Value tokens_count(const Request& request);
  Value tokens_get(const Request& request);
  Value tokens_put(const Request& request);
  Value file_size(const Request& request);
  Value file_read(const Request& request);
  Value file_write(const Request& request);

  Value write_console(std::string_view text);
  [[nodiscard]] Result<HostPorts::Mouse> mouse() const;
  [[nodiscard]] std::int64_t now_ms() const;

  const HostPorts& ports_;
  std::vector<std::string> granted_;
  std::vector<std::string> denied_;
  std::function<void()> quiescent_;
  CounterRng rng_;
  std::chrono::steady_clock::time_point start_;
  std::int64_t virtual_ms_ = 0;
  std::int64_t answered_ = 0;  ///< tokens put
};

}  // namespace pxos::hypervisor
