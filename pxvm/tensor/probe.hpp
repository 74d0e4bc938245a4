#pragma once
// Probes of the machine's limits, for benchmarks: what a share is a share of. Measured in the same
// run as the thing itself, because a shared machine changes from minute to minute. Limits are
// measured on threads of their own, as many as the pool has; the barrier is the pool's.

#include "pxvm/base/bytes.hpp"
#include "pxvm/base/thread_pool.hpp"

#include <span>

namespace pxos::tensor {

/// Bytes per second (1e9 = GB/s) of reading all `parts` once, each thread taking the next MiB when
/// it is done with one, with a prefetch a page ahead: the fastest way of reading that we know.
[[nodiscard]] double measure_read_bytes_per_second(ThreadPool& pool, std::span<const Bytes> parts);

/// int8 multiply and add operations per second of all threads together, by the widest dot product
/// this CPU has (vpdpbusd on 512 bits, else vpmaddubsw on 256, else plain C++), from registers.
[[nodiscard]] double measure_int8_ops_per_second(ThreadPool& pool);

/// Seconds of one empty parallel section of the pool (median of many).
[[nodiscard]] double measure_barrier_seconds(ThreadPool& pool);

}  // namespace pxos::tensor
