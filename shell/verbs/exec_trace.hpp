#pragma once
// `pxos exec --trace`: every instruction on a line of stderr before it runs, with what it reads.

#include "pxvm/vm/machine.hpp"

namespace pxos::shell {

class ExecTrace final : public vm::DebugPort {
 public:
  /// Keeps `machine`.
  explicit ExecTrace(const vm::Machine& machine) : machine_(machine) {}
  bool before(std::size_t pc) override;

 private:
  const vm::Machine& machine_;
};

}  // namespace pxos::shell
