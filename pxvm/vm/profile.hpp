#pragma once
// Where the time of a guest goes: calls, seconds, bytes and multiply-adds per instruction. Give a
// Profile to MachineOptions::profile, run, then ask for rows by instruction, by opcode or by
// operation ("matmul wq"). Without one the machine measures nothing. Read between calls only, by
// the machine's thread.
//
// Seconds are those inside tensor and host operations. What a call takes beyond them is the virtual
// machine itself: dispatch, scalar code, resolving views (overhead_seconds).

#include "pxvm/vm/link.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace pxos::vm {

/// What an operation must move and compute: the numerators of GB/s and GOPS.
struct OpCost {
  std::uint64_t weight_bytes = 0;   ///< packed units read, padding included
  std::uint64_t tensor_bytes = 0;   ///< activations and caches, read and written, once each
  std::uint64_t multiply_adds = 0;  ///< of matmul and attention exactly; 0 elsewhere

  OpCost& operator+=(const OpCost& other);
};

/// Sees the operands of a matrix product y = x W^T just before it is computed, on the machine's
/// thread.
using ProductTap = std::function<void(const tensor::PackedTensor& w, tensor::ConstMatF32 x)>;

/// One line of a table. Rates: (weight_bytes + tensor_bytes) / seconds; 2 * multiply_adds /
/// seconds.
struct ProfileRow {
  std::string name;
  std::uint64_t calls = 0;
  double seconds = 0;
  OpCost cost;

  ProfileRow& operator+=(const ProfileRow& other);
};

class Profile {
 public:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    std::uint64_t calls = 0;
    double seconds = 0;
    OpCost cost;
  };

  /// By pc; empty before the first call. A fused group counts at its first tensor instruction.
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
  /// Machine::call from start to end, all calls together.
  [[nodiscard]] double call_seconds() const { return call_seconds_; }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  /// call_seconds without the seconds of all operations.
  [[nodiscard]] double overhead_seconds() const;
  /// Forgets all figures, for a second measurement with the same machine.
  void clear();

  /// Shows `tap` every product that runs alone; a fused group shows nothing, so turn fusion off.
  void tap_products(ProductTap tap) { tap_ = std::move(tap); }

  /// For the machine: makes room for a program's instructions. One Profile serves one program.
  void prepare(std::size_t instructions, bool fused);
  /// Whether groups ran as one.
  [[nodiscard]] bool fused() const { return fused_; }
  void count(std::size_t pc) { ++entries_[pc].calls; }
  void add_time(std::size_t pc, Clock::duration time) {
    entries_[pc].seconds += std::chrono::duration<double>(time).count();
  }
  void add_cost(std::size_t pc, const OpCost& cost) { entries_[pc].cost += cost; }
  void show_product(const tensor::PackedTensor& w, tensor::ConstMatF32 x) const {
    if (tap_) tap_(w, x);
  }
  void add_call(Clock::duration time) {
    call_seconds_ += std::chrono::duration<double>(time).count();
    ++calls_;
  }

 private:
  std::vector<Entry> entries_;
  double call_seconds_ = 0;
  std::uint64_t calls_ = 0;
  bool fused_ = false;
  ProductTap tap_;
};

/// Per pc the instruction's short name: the mnemonic and the tensor that tells it from others of
/// its kind, e.g. "matmul wq", "rmsnorm attn_norm", "add x", "kvappend kv_k". With `fused` the head
/// of a group has the names of all its members, e.g. "rmsnorm attn_norm + matmul wq wk wv".
[[nodiscard]] std::vector<std::string> operation_names(const LinkedProgram& program, bool fused);

/// Operations of the same name together ("matmul w_down" of all layers), most seconds first. Only
/// those that ran and are timed.
[[nodiscard]] std::vector<ProfileRow> profile_by_operation(const LinkedProgram& program,
                                                           const Profile& profile);
/// Instructions of the same mnemonics together, most seconds first; scalar ones have calls only. A
/// group counts as "rmsnorm + matmul".
[[nodiscard]] std::vector<ProfileRow> profile_by_opcode(const LinkedProgram& program,
                                                        const Profile& profile);

}  // namespace pxos::vm
