#pragma once
// Loops that reach the machine's limits, to compare the kernels with. Only on processors with
// AVX-512 VNNI.

#include <cstddef>
#include <cstdint>

namespace pxos::bench {

/// Sums `bytes` (a multiple of 512) in one sequential stream; returns a value that depends on them.
std::uint64_t read_stream(const std::uint8_t* data, std::size_t bytes);

/// `rounds` x 16 independent vpdpbusd, 128 operations each.
std::uint64_t int8_loop(std::size_t rounds);
inline constexpr double kInt8OpsPerRound = 16 * 128.0;

}  // namespace pxos::bench
