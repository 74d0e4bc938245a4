#pragma once
// Speed of a mounted model beside the limits of the machine, measured in the same run: every run
// has its probes right before and after it, and a share is the median of the runs' own shares.
//   decode share  = active weight bytes per token * tokens per second / DRAM read rate
//   prefill share = 2 * multiply-adds of the weight matrices per token * tokens per second / int8
//   rate
//   depth share   = tok/s at depth / (tok/s at 0 * B0 / (B0 + KV bytes at depth)): what is left of
//   the speed that reading the cache besides the weights allows
// Active bytes B0: every packed weight once; of an embedding that is not the output head too, one
// row, which is not counted.

#include "hypervisor/mount.hpp"
#include "pxvm/base/memory_report.hpp"
#include "pxvm/vm/profile.hpp"

namespace pxos::hypervisor {

struct BenchmarkOptions {
  std::int64_t prefill_tokens = 512;
  std::int64_t decode_tokens = 128;
  std::int64_t depth = 4096;  ///< tokens in the cache for the third work; 0 = leave it out
  std::int64_t repeats = 5;
  bool operations = true;  ///< profile one run of each work afterwards
};

/// One kind of work; medians over the runs.
struct WorkReport {
  std::int64_t tokens = 0;  ///< of one run; 0 = not measured
  double tokens_per_second = 0;
  double per_second = 0;  ///< prefill: operations, decode: bytes of weights (and cache, at depth)
  double share = 0;       ///< of the limit
};

/// Where the time of one work went.
struct OperationReport {
  std::vector<vm::ProfileRow> rows;  ///< most seconds first
  double seconds = 0;                ///< of the whole run, by the caller's clock
  double overhead_seconds = 0;  ///< of these outside operations: the virtual machine and the host
  std::int64_t tokens = 0;
};

/// What the process holds, in bytes. `other` is what neither the model nor its declared regions
/// account for.
struct MemorySplit {
  MemoryReport process;
  std::uint64_t sheets_resident = 0;
  std::uint64_t kv = 0;           ///< reserved for the context
  std::uint64_t activations = 0;  ///< declared
  std::uint64_t other = 0;
};

struct BenchmarkReport {
  std::size_t threads = 0;
  std::string kernels;
  double read_bytes_per_second = 0;
  double int8_ops_per_second = 0;
  double barrier_seconds = 0;
  WorkReport prefill, decode, deep;
  std::int64_t depth = 0;
  double depth_share = 0;
  std::uint64_t active_bytes = 0;  ///< B0
  std::uint64_t cache_bytes_at_depth = 0;
  OperationReport prefill_operations, decode_operations;
  MemorySplit memory;
  // Filled in by the caller, who mounts and interrupts:
  double first_mount_seconds = 0;
  double second_mount_seconds = 0;
  double interrupt_seconds = 0;  ///< worst of several; 0 = not measured
};

/// Errors: kUsage when the context cannot hold the tokens; those of evaluate(). Leaves the session
/// empty.
Result<BenchmarkReport> benchmark(Mount& mount, const BenchmarkOptions& options);

/// Calls `interrupt` from another thread in the middle of a prefill that fills the context.
/// Gives the seconds from there to the end of evaluate(), nothing when that was over before.
/// Requires: `interrupt` is Hypervisor::interrupt of the mount's owner. Leaves its stop flag set:
/// the mount runs again after the next with_mount().
Result<std::optional<double>> measure_interrupt(Mount& mount,
                                                const std::function<void()>& interrupt);

}  // namespace pxos::hypervisor
