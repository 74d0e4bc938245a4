#pragma once
// Time travel over the calls of one guest. Time is a step: the number of instructions done since
// the first call. Going back is going forward again from a snapshot before: machines are
// deterministic, and what is not (the host's answers, the arguments of calls) is recorded when it
// happens and played back.
//
// Snapshots are taken about every 100 ms of running and share their memory pages; when they are too
// many, every second of the older half goes: old times take longer to reach, none is lost.
//
// One thread; interrupt() from any.

#include "pxvm/debug/memory_image.hpp"
#include "pxvm/vm/machine.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pxos::debug {

/// A call of the guest with everything it is given.
struct GuestCall {
  struct Input {
    std::string tensor;
    ByteVector bytes;  ///< from its first element on
  };
  std::string entry;
  std::vector<std::int64_t> scalars;
  std::vector<std::pair<std::string, std::int64_t>> dims;
  std::vector<Input> inputs;
};

/// The call after the first `done` ones, whose outcome the machine holds; none when that was all.
/// Asked once for each.
using CallSource =
    std::function<Result<std::optional<GuestCall>>(vm::Machine& machine, std::size_t done)>;

enum class Halt : std::uint8_t {
  kStep,         ///< asked for: the steps were made, or the check said so
  kEnd,          ///< all calls are done
  kTrap,         ///< the instruction that is next faults
  kStart,        ///< backwards: there is nothing before
  kInterrupted,  ///< interrupt()
};

class Timeline;

/// Says where to stop. Asked only while the machine is paused, at consecutive steps.
class StopCheck {
 public:
  virtual ~StopCheck() = default;
  /// A run of consecutive steps begins at the timeline's present, which itself is not asked about.
  virtual void begin(const Timeline& timeline) = 0;
  /// By pc: only before these instructions is stops() asked; null = at every step. Read once, after
  /// begin().
  [[nodiscard]] virtual const std::vector<bool>* places() const = 0;
  [[nodiscard]] virtual bool stops(const Timeline& timeline) = 0;
};

struct TimelineOptions {
  std::size_t most_snapshots = 64;                     ///< at least 4
  std::uint64_t most_bytes = std::uint64_t{1} << 31U;  ///< of snapshots
  std::uint64_t first_interval = 256;                  ///< steps; adapts to the time they take
  std::chrono::milliseconds wanted_interval{100};
};

class Timeline final : private vm::DebugPort, private vm::HostPort {
 public:
  /// Stands before the first instruction of the first call. Keeps the machine, takes its debug and
  /// host ports; its session must stay attached. Errors: those of the source and of Machine::begin.
  static Result<std::unique_ptr<Timeline>> create(vm::Machine& machine, CallSource source,
                                                  const TimelineOptions& options = {});
  ~Timeline() override;
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  [[nodiscard]] vm::Machine& machine() const { return machine_; }
  [[nodiscard]] std::uint64_t step() const { return step_; }
  /// Steps that have been made at all: the present when nobody has gone back.
  [[nodiscard]] std::uint64_t frontier() const { return frontier_; }
  /// Which call, from 0, and what it was given.
  [[nodiscard]] std::size_t call() const { return call_; }
  [[nodiscard]] const GuestCall& arguments() const { return calls_[call_].call; }
  /// The next instruction; after the end the last one.
  [[nodiscard]] std::size_t pc() const { return machine_.pc(); }
  /// The instruction that was made last, in this call.
  [[nodiscard]] std::optional<std::size_t> last_pc() const { return last_pc_; }
  [[nodiscard]] bool at_end() const { return at_end_; }
  /// Why the next instruction cannot be made.
  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }
  [[nodiscard]] std::size_t snapshots() const { return snapshots_.size(); }

  /// Forward until `check` says so. Errors: those of the call source.
  Result<Halt> run(StopCheck& check);
  /// Back to the last step before this one where `check` says so, else to the first.
  Result<Halt> run_back(StopCheck& check);
  /// To any step; beyond the frontier the guest runs on.
  Result<Halt> seek(std::uint64_t step);

  /// Changes the machine by hand at this step. What had come after is forgotten; who goes back
  /// beyond the change and forward again meets it. A fault is taken back: the instruction is tried
  /// again. Errors: kUsage at the end, or when `edit` leaves the machine not paused; those of
  /// `edit`; then nothing is changed.
  Result<void> change(const std::function<Result<void>(vm::Machine&)>& edit);

  /// Makes a run stop soon. Async-signal-safe.
  void interrupt() { interrupted_.store(true, std::memory_order_relaxed); }

 private:
  struct Made {
    GuestCall call;
    std::uint64_t first_step = 0;
  };
  /// A host call that happened: what it answered and what it did to the guest's memory.
  struct HostEvent {
    std::uint64_t step = 0;
    Result<std::int64_t> result;
    std::optional<std::pair<std::array<MemoryImage, 2>, std::array<MemoryImage, 2>>> memory;
  };
  struct Snapshot {
    std::uint64_t step = 0;
    std::size_t call = 0;
    std::optional<std::size_t> last_pc;
    vm::MachineRegisters registers;
    std::array<MemoryImage, 2> memory;
    std::uint64_t own_bytes = 0;
    bool is_change = false;  ///< made by change(): no replay leads to it
  };

  Timeline(vm::Machine& machine, CallSource source, const TimelineOptions& options);

  bool before(std::size_t pc) override;
  Result<std::int64_t> call(vm::Machine& machine, isa::HostCall call, std::int64_t a,
                            std::int64_t b, std::int64_t c) override;

  void turn(vm::Machine& machine) override;

  /// Runs until `limit` steps are made or a place is next. kStep for both.
  Result<Halt> advance(std::uint64_t limit, const std::vector<bool>* places);
  /// Goes on after a halt: the next call, recorded or new. kStep when there is one.
  Result<Halt> next_call();
  Result<void> begin_call(std::size_t index);
  /// Forward with a check, at most to `limit`. With `last_hit` it does not stop, but notes where it
  /// would have, last of all.
  Result<Halt> scan(StopCheck& check, std::uint64_t limit, std::optional<std::uint64_t>* last_hit);
  [[nodiscard]] std::array<MemoryImage, 2> capture(const std::array<MemoryImage, 2>* previous);
  void take_snapshot();
  [[nodiscard]] Snapshot make_snapshot(const Snapshot* previous);
  /// The next change() after this step.
  [[nodiscard]] const Snapshot* next_change() const;
  Result<void> try_change(const std::function<Result<void>(vm::Machine&)>& edit);
  void thin_out();
  Result<void> restore(const Snapshot& snapshot);
  /// Index of the last snapshot that is not after `step`.
  [[nodiscard]] std::size_t snapshot_at(std::uint64_t step) const;

  vm::Machine& machine_;
  CallSource source_;
  TimelineOptions options_;
  vm::HostPort* host_;
  std::vector<Made> calls_;
  std::vector<HostEvent> host_events_;  ///< ascending step
  std::vector<Snapshot> snapshots_;     ///< ascending step; the first is step 0
  std::uint64_t step_ = 0;
  std::uint64_t frontier_ = 0;
  std::size_t call_ = 0;
  std::optional<std::size_t> last_pc_;
  bool at_end_ = false;
  bool source_is_dry_ = false;
  std::optional<Error> fault_;

  // Of the run that is under way, for before().
  std::uint64_t limit_ = 0;
  const std::vector<bool>* places_ = nullptr;
  bool pass_ = false;  ///< the first instruction is let through: it was looked at already
  std::optional<std::size_t> pc_before_last_;

  std::uint64_t interval_ = 0;
  std::uint64_t next_snapshot_ = 0;
  std::chrono::steady_clock::time_point last_snapshot_time_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace pxos::debug
