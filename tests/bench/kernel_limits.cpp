#include "tests/bench/kernel_limits.hpp"

#include <immintrin.h>

namespace pxos::bench {

std::uint64_t read_stream(const std::uint8_t* data, std::size_t bytes) {
  __m512i sum[8] = {};
  for (std::size_t i = 0; i < bytes; i += 512) {
    for (std::size_t j = 0; j < 8; ++j) {
      sum[j] = _mm512_add_epi64(sum[j], _mm512_loadu_si512(data + i + 64 * j));
    }
  }
  for (std::size_t j = 1; j < 8; ++j) sum[0] = _mm512_add_epi64(sum[0], sum[j]);
  return static_cast<std::uint64_t>(_mm512_reduce_add_epi64(sum[0]));
}

std::uint64_t int8_loop(std::size_t rounds) {
  __m512i sum[16];
  for (int j = 0; j < 16; ++j)
    sum[j] = _mm512_set1_epi32(j);  // equal sums would be merged into one
  __m512i a = _mm512_set1_epi8(3);
  __m512i b = _mm512_set1_epi8(5);
  for (std::size_t i = 0; i < rounds; ++i) {
    // The barrier keeps the compiler from hoisting products out of the loop.
    asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 16
    for (std::size_t j = 0; j < 16; ++j) sum[j] = _mm512_dpbusd_epi32(sum[j], a, b);
  }
  for (std::size_t j = 1; j < 16; ++j) sum[0] = _mm512_add_epi32(sum[0], sum[j]);
  return static_cast<std::uint64_t>(_mm512_reduce_add_epi32(sum[0]));
}

}  // namespace pxos::bench
