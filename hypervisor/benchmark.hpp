#pragma once
// Speed of a mounted model beside the limits of the machine, measured in the same run.
//   decode share  = active weight bytes per token * tokens per second / DRAM read rate
//   prefill share = 2 * multiply-adds of the weight matrices per token * tokens per second / int8
//   rate
// Active bytes: every packed weight once, but one row only of an embedding that is not the output
// head too.

#include "hypervisor/mount.hpp"

namespace pxos::hypervisor {

struct BenchmarkOptions {
  std::int64_t prefill_tokens = 512;
  std::int64_t decode_tokens = 128;
  std::int64_t repeats = 5;
};

struct BenchmarkReport {
  std::size_t threads = 0;
  std::string kernels;
  double read_bytes_per_second = 0;  ///< median of probes around the runs
  double int8_ops_per_second = 0;
  double barrier_seconds = 0;
  std::int64_t prefill_tokens = 0;
  double prefill_tokens_per_second = 0;
  double prefill_ops_per_second = 0;
  double prefill_share = 0;
  std::int64_t decode_tokens = 0;
  double decode_tokens_per_second = 0;
  double decode_bytes_per_second = 0;
  double decode_share = 0;
  std::uint64_t active_bytes = 0;
  std::uint64_t resident_bytes = 0;
  double first_mount_seconds = 0;
  double second_mount_seconds = 0;
};

/// Medians over `repeats`. Errors: kUsage when the context cannot hold the tokens; those of
/// evaluate().
Result<BenchmarkReport> benchmark(Mount& mount, const BenchmarkOptions& options);

}  // namespace pxos::hypervisor
