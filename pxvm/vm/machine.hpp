#pragma once
// One running guest: registers, regions and the interpreter. All state is flat (registers +
// regions). A Machine belongs to one thread at a time; the stop flag may be set from any thread or
// signal handler.

#include "pxvm/tensor/ops.hpp"
#include "pxvm/vm/debug_port.hpp"
#include "pxvm/vm/host_port.hpp"
#include "pxvm/vm/link.hpp"
#include "pxvm/vm/region.hpp"
#include "pxvm/vm/trap.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace pxos::vm {

class Profile;

/// A tensor register's value: a window onto a region, or onto packed weights. rank 0 = not set.
struct TensorView {
  isa::TensorDecl::Element element = isa::TensorDecl::Element::kF32;
  std::uint8_t rank = 0;
  tensor::KvFormat caches = tensor::KvFormat::kF16;  ///< what this mount keeps an f16 region as
  std::array<std::int64_t, isa::Limits::kRank> dims{};
  std::uint8_t* data = nullptr;                  ///< plain tensors: row-major, contiguous
  const tensor::PackedTensor* packed = nullptr;  ///< weights

  std::uint64_t length = 0;  ///< elements(), for bounds checks

  [[nodiscard]] std::int64_t elements() const;
  [[nodiscard]] std::string shape_text() const;
};

/// Who waits for a called function: where it goes on, and by how much its window lies lower.
struct CallFrame {
  std::uint32_t return_pc = 0;
  std::uint32_t base = 0;
};

/// Scalar registers are a window onto slots; a call moves it up. Entries begin with slot 0.
inline constexpr std::size_t kWindowSlots = 256;
inline constexpr std::size_t kCallSlots = 65'536;  ///< that the frames of all calls may reach
inline constexpr std::size_t kMaxCalls = 16'384;
/// Slots that a machine of this plan has.
[[nodiscard]] inline std::size_t slot_count(const Plan& plan) {
  return plan.calls ? kCallSlots + kWindowSlots : kWindowSlots;
}

/// The persistent regions of one conversation: KV cache, screen. Swappable between calls.
class Session {
 public:
  static Result<Session> create(const LinkedProgram& program);
  void clear() { memory_.clear(); }
  [[nodiscard]] const Arena& memory() const { return memory_; }

 private:
  Arena memory_;
};

struct MachineOptions {
  const tensor::KernelTable* kernels = nullptr;
  ThreadPool* pool = nullptr;
  const std::atomic<bool>* stop = nullptr;
  HostPort* host = nullptr;  ///< may be null: every host call traps
  std::uint64_t fuel_per_call =
      0;               ///< 0 = unlimited; unit: one scalar instruction or 1024 multiply-adds
  bool fusion = true;  ///< false: every instruction alone; the same bits, for comparisons
  Profile* profile = nullptr;  ///< where times and counts go; null = nothing is measured
  DebugPort* debug = nullptr;  ///< asked before every instruction; null = nobody looks on
};

/// How a run ended or why it stands still.
enum class RunState : std::uint8_t {
  kIdle,    ///< nothing was begun, or it ended with an error
  kPaused,  ///< the debug port paused it, or begin() has just made it ready
  kHalted,  ///< the entry is done
};

/// What a machine holds beside its memory. Views point into that memory.
struct MachineRegisters {
  std::vector<std::uint64_t> slots;  ///< all scalar registers in use; those beyond are zero
  std::vector<CallFrame> calls;      ///< under way, outermost first
  std::array<TensorView, 256> tensors{};
  std::vector<std::int64_t> symbols;
  std::uint64_t fuel_used = 0;
  Trap trap;
  RunState state = RunState::kIdle;
  std::size_t pc = 0;
};

/// Arguments of a call: scalars in the entry's order (f32 as bits), dims by name for those no
/// scalar argument names.
struct CallArguments {
  std::vector<std::int64_t> scalars;
  std::vector<std::pair<std::string_view, std::int64_t>> dims;
};

class Machine {
 public:
  /// Keeps pointers to everything in `options`.
  static Result<Machine> create(std::shared_ptr<const LinkedProgram> program,
                                const MachineOptions& options);

  /// Makes the session's memory the guest's persistent regions. Keeps a pointer to it; it must be
  /// of this program.
  void attach(const Session& session);

  /// Measures the calls from now on; null = stops. Keeps the pointer.
  void set_profile(Profile* profile) { options_.profile = profile; }
  /// As MachineOptions::fusion, for the calls from now on.
  void set_fusion(bool fusion) { options_.fusion = fusion; }
  /// As MachineOptions::debug, from the next call or resume on.
  void set_debug(DebugPort* port) { options_.debug = port; }
  /// Who serves host calls from now on; the one before is returned.
  HostPort* set_host(HostPort* host) { return std::exchange(options_.host, host); }

  /// The elements of an input, output, temp or region tensor (array element `index`), at its
  /// largest extents. Errors: kNotFound. Inputs are written before call(), outputs read after it.
  Result<MutBytes> memory(std::string_view tensor_name, std::int64_t index = 0);
  /// The same with the extents of the last call.
  Result<TensorView> view(std::string_view tensor_name, std::int64_t index = 0);

  /// Runs `entry` to its halt. Errors: kUsage (arguments do not fit the entry), kTrap,
  /// kInterrupted, kLimit (fuel); after an error the destination of the interrupted instruction is
  /// undefined, regions otherwise as they were.
  Result<void> call(std::string_view entry, const CallArguments& arguments);

  /// The same in two steps, for debuggers: begin() stands before the first instruction.
  Result<void> begin(std::string_view entry, const CallArguments& arguments);
  /// Runs until the entry halts or the debug port pauses it. Errors: those of call() while running;
  /// kUsage when nothing is paused.
  Result<RunState> resume();
  [[nodiscard]] RunState state() const { return state_; }
  /// The next instruction of a paused machine, the last one of any other.
  [[nodiscard]] std::size_t pc() const { return pc_; }
  /// All of the machine but its memory; for going back to on this very machine.
  [[nodiscard]] MachineRegisters registers() const;
  /// Goes back to registers() of this machine, with the same session attached. Errors: none when
  /// they are that.
  Result<void> set_registers(const MachineRegisters& registers);
  /// The memory that programs may write: activations, then the attached session's regions.
  [[nodiscard]] std::array<MutBytes, 2> writable_memory() const;

  /// What a tensor register holds; rank 0 = nothing.
  [[nodiscard]] const TensorView& tensor(std::uint8_t reg) const { return tensors_[reg]; }

  /// Of the window: the registers of the function that runs, or of the entry.
  [[nodiscard]] std::uint64_t scalar(std::uint8_t reg) const { return slots()[window_ + reg]; }
  /// Changes a register of the window by hand, between two instructions.
  void set_scalar(std::uint8_t reg, std::uint64_t bits) { slots()[window_ + reg] = bits; }
  /// " ([4, 8], r2 = 99)": shapes of the tensors that an instruction of this program is about to
  /// use, and values of the scalar registers that it reads; empty when there are none.
  [[nodiscard]] std::string operand_values(const isa::Instruction& instruction) const;
  /// The calls under way, outermost first; of a trapped machine those it died in.
  [[nodiscard]] std::span<const CallFrame> calls() const { return {call_frames(), depth_}; }
  [[nodiscard]] const LinkedProgram& linked() const { return *linked_; }
  [[nodiscard]] std::shared_ptr<const LinkedProgram> linked_program() const { return linked_; }
  [[nodiscard]] std::uint64_t fuel_used() const { return fuel_used_; }
  /// The stop flag is set: a host call that waits should come back.
  [[nodiscard]] bool stopping() const { return options_.stop->load(std::memory_order_relaxed); }
  /// The last trap's kind; kNone after success.
  [[nodiscard]] TrapKind last_trap() const { return trap_.kind; }

 private:
  friend class Interpreter;
  friend class StateFormat;

  Machine(std::shared_ptr<const LinkedProgram> program, const MachineOptions& options);
  Result<void> prepare(const isa::Entry& entry, const CallArguments& arguments);
  Result<void> set_dim(std::string_view name, std::int64_t value);
  Result<void> check_requirements(const isa::Entry& entry) const;
  Result<void> preset_views();
  [[nodiscard]] bool same_dims() const;
  /// Sets `view` to element `index` of a declaration. Errors: as make_view.
  Result<void> bind_view(std::size_t decl, std::int64_t index, TensorView& view) const;
  Result<TensorView> make_view(std::size_t decl, std::int64_t index) const;
  Error trap_error(std::size_t pc) const;

  std::shared_ptr<const LinkedProgram> linked_;
  MachineOptions options_;
  Arena activations_;
  const Session* session_ = nullptr;
  RegionTable regions_;
  RegionSlot activation_slot_ = 0;
  RegionSlot vector_slot_ = 0;
  RegionSlot session_slot_ = 0;
  tensor::Scratch scratch_;
  std::unique_ptr<ThreadPool> inline_pool_;  ///< one thread: whoever calls
  /// Rotations of one rope record, and the frequency factors they were made with (rope.by): those
  /// from position 0 on, grown on demand up to a limit, and beyond it those of the last step.
  struct RopeTable {
    std::vector<float> factors;
    std::vector<float> entries;
    std::vector<float> window;
    std::int64_t window_first = 0;
  };
  std::vector<RopeTable> rope_tables_;

  [[nodiscard]] std::uint64_t* slots() const {
    return reinterpret_cast<std::uint64_t*>(slot_memory_.data());
  }
  [[nodiscard]] CallFrame* call_frames() const {
    return reinterpret_cast<CallFrame*>(call_memory_.data());
  }
  /// Clears what the last call left.
  void clear_slots();

  /// As many slots as the program can reach, and a window more: a register number needs no check.
  /// Most are never touched, and then cost nothing.
  Arena slot_memory_;
  std::size_t used_slots_ = kWindowSlots;  ///< that may be other than zero
  std::size_t window_ = 0;                 ///< slot of r0
  Arena call_memory_;                      ///< room for kMaxCalls; none without functions
  std::size_t depth_ = 0;                  ///< calls under way
  std::array<TensorView, 256> tensors_{};
  std::vector<std::int64_t> symbols_;  ///< params, then the dims and arguments of the current call
  /// Element 0 of every declaration with the extents of the current call, so that `bind` is an
  /// addition; rank 0 where there is none with these extents.
  std::vector<TensorView> views_;
  /// Symbols views_ and the homes were made for; none before the first call.
  std::optional<std::vector<std::int64_t>> preset_symbols_;
  std::uint64_t fuel_used_ = 0;
  Trap trap_;
  RunState state_ = RunState::kIdle;
  std::size_t pc_ = 0;
};

}  // namespace pxos::vm
