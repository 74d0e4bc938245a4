#pragma once
// One program on three machines: the checked one, the real one instruction by instruction, and the
// real one as it is used (fused). Memory lies between canaries.

#include "fuzz_bases.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "pxvm/vm/debug_port.hpp"
#include "pxvm/vm/host_port.hpp"
#include "pxvm/vm/machine.hpp"

#include <atomic>
#include <map>
#include <string>

namespace pxos::test {

/// How many images went which way.
struct Tally {
  std::uint64_t images = 0, refused = 0, unlinked = 0, compared = 0;
  std::uint64_t calls = 0, not_begun = 0;     ///< of those compared; arguments that are none
  std::uint64_t elements = 0, unsure = 0;     ///< computed ones; of them any value was right
  std::uint64_t damaged = 0, unnoticed = 0;   ///< changes by hand, and those that nothing saw
  std::map<std::string, std::uint64_t> ends;  ///< calls by the trap they ended with
  std::map<std::string, std::uint64_t> tensor_steps;  ///< executed, by mnemonic
};

[[nodiscard]] std::string_view trap_name(vm::TrapKind kind);

class Differ {
 public:
  explicit Differ(Tally& tally) : tally_(tally) {}

  /// Links and runs some entries with arguments and memory from `rng`. Empty when all agree about
  /// everything, or what they do not agree about.
  [[nodiscard]] std::string compare(isa::VerifiedProgram verified, const FuzzBase& base,
                                    CounterRng& rng);

  /// From now on every comparison has one number of the tested machine changed behind its back.
  void damage_one_of(std::uint32_t instructions) { damage_every_ = instructions; }

  /// How long a program without end goes on once it is told to stop; nullopt for one that ends.
  [[nodiscard]] std::optional<double> stopping_ms(isa::VerifiedProgram verified,
                                                  const FuzzBase& base, CounterRng& rng);

 private:
  class Host : public vm::HostPort {
   public:
    Result<std::int64_t> call(vm::Machine& machine, isa::HostCall call, std::int64_t a,
                              std::int64_t b, std::int64_t c) override;
  };
  struct Side {
    std::optional<vm::Session> session;
    std::optional<vm::Machine> machine;
    Side(const std::shared_ptr<const vm::LinkedProgram>& linked, const vm::MachineOptions& options);
    /// The machine's bytes of a tensor.
    [[nodiscard]] MutBytes bytes(const CheckedMachine::Key& key) const;
  };
  class Watcher;

  [[nodiscard]] std::string call_all(const FuzzBase& base, CounterRng& rng,
                                     CheckedMachine& checked);
  [[nodiscard]] std::string run_entry(const isa::Entry& entry, const CheckedCall& call,
                                      CheckedMachine& checked, CounterRng& rng);
  [[nodiscard]] vm::MachineOptions options(bool fusion, std::uint64_t fuel);

  Tally& tally_;
  const tensor::KernelTable* kernels_ = tensor::available_kernels().front();
  ThreadPool pool_{1};
  std::atomic<bool> stop_{false};
  Host host_;
  std::uint32_t damage_every_ = 0;
  Side* plain_ = nullptr;
  Side* fused_ = nullptr;
};

}  // namespace pxos::test
