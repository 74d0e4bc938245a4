#include "pxvm/tensor/probe.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include <immintrin.h>

namespace pxos::tensor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Keeps the compiler from dropping a result nobody reads.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

// The hardware's own prefetcher stops at the end of a page: asking a page ahead reads a tenth
// faster on one thread, so a probe without it would be a limit that kernels pass. A prefetch past
// the end does nothing.
constexpr std::size_t kAhead = 4096;

__attribute__((target("avx512f"))) std::uint64_t read_avx512(const std::uint8_t* at,
                                                             std::size_t bytes) {
  __m512i sums[8] = {};
  std::size_t i = 0;
  for (; i + 512 <= bytes; i += 512) {
    for (std::size_t k = 0; k < 8; ++k) {
      _mm_prefetch(reinterpret_cast<const char*>(at) + i + 64 * k + kAhead, _MM_HINT_T0);
      sums[k] = _mm512_xor_si512(sums[k], _mm512_loadu_si512(at + i + 64 * k));
    }
  }
  __m512i all = sums[0];
  for (std::size_t k = 1; k < 8; ++k) all = _mm512_xor_si512(all, sums[k]);
  std::uint64_t lanes[8];
  _mm512_storeu_si512(lanes, all);
  return lanes[0] ^ lanes[3] ^ lanes[7];
}

std::uint64_t read_plain(const std::uint8_t* at, std::size_t bytes) {
  std::uint64_t sums[8] = {};
  for (std::size_t i = 0; i + 64 <= bytes; i += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(at) + i + kAhead, _MM_HINT_T0);
    std::uint64_t words[8];
    std::memcpy(words, at + i, sizeof words);
    for (std::size_t k = 0; k < 8; ++k) sums[k] ^= words[k];
  }
  return sums[0] ^ sums[1] ^ sums[2] ^ sums[3] ^ sums[4] ^ sums[5] ^ sums[6] ^ sums[7];
}

bool has_vnni512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}

constexpr std::uint64_t kRounds = 1 << 20;
constexpr std::uint64_t kChains = 12;

/// 64 products and 64 sums per instruction; twelve chains hide its latency.
__attribute__((target("avx512f,avx512vnni"))) std::uint64_t int8_vnni512(std::uint64_t rounds) {
  __m512i sums[kChains];
  const __m512i a = _mm512_set1_epi8(3);
  __m512i b = _mm512_set1_epi8(5);
  for (std::uint64_t k = 0; k < kChains; ++k) {
    sums[k] = _mm512_set1_epi32(static_cast<int>(k));
    asm volatile("" : "+v"(sums[k]));  // equal chains would be merged into one
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (std::uint64_t k = 0; k < kChains; ++k) sums[k] = _mm512_dpbusd_epi32(sums[k], a, b);
    asm volatile("" : "+v"(b));
  }
  for (const __m512i& sum : sums) keep(sum);
  return rounds * kChains * 128;
}

__attribute__((target("avx2"))) std::uint64_t int8_avx2(std::uint64_t rounds) {
  __m256i sums[kChains];
  const __m256i a = _mm256_set1_epi8(3);
  __m256i b = _mm256_set1_epi8(5);
  for (std::uint64_t k = 0; k < kChains; ++k) {
    sums[k] = _mm256_set1_epi32(static_cast<int>(k));
    asm volatile("" : "+x"(sums[k]));
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (std::uint64_t k = 0; k < kChains; ++k)
      sums[k] = _mm256_add_epi16(sums[k], _mm256_maddubs_epi16(a, b));
    asm volatile("" : "+x"(b));
  }
  for (const __m256i& sum : sums) keep(sum);
  return rounds * kChains * 64;
}

std::uint64_t int8_plain(std::uint64_t rounds) {
  std::int32_t sums[kChains];
  std::int32_t b = 5;
  for (std::int32_t& sum : sums) {
    sum = 0;
    asm volatile("" : "+r"(sum));
  }
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (std::int32_t& sum : sums) sum += 3 * b;
    asm volatile("" : "+r"(b));
  }
  for (const std::int32_t sum : sums) keep(sum);
  return rounds * kChains * 2;
}

std::uint64_t int8_work() {
  if (has_vnni512()) return int8_vnni512(kRounds);
  return __builtin_cpu_supports("avx2") ? int8_avx2(kRounds) : int8_plain(kRounds);
}

/// Seconds that work(thread) takes on `threads` threads at once, started together. Not sections of
/// the pool: it may leave threads out while a neighbour is busy, and a limit is one of the machine.
template <class Work>
double seconds_together(std::size_t threads, const Work& work) {
  std::atomic<std::size_t> waiting{threads};
  const auto take_part = [&](std::size_t thread) {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) std::this_thread::yield();
    work(thread);
  };
  std::vector<std::thread> others;
  for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(take_part, thread);
  while (waiting.load() > 1) std::this_thread::yield();
  const auto start = Clock::now();
  take_part(0);
  for (std::thread& other : others) other.join();
  return seconds_since(start);
}

}  // namespace

double measure_read_bytes_per_second(ThreadPool& pool, std::span<const Bytes> parts) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  const std::size_t threads = pool.threads();
  const bool wide = __builtin_cpu_supports("avx512f") != 0;
  std::size_t total = 0;
  for (const Bytes part : parts) total += part.size();
  std::vector<std::atomic<std::size_t>> next(parts.size());
  const auto read = [&](std::size_t) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Bytes part = parts[i];
      for (std::size_t from = next[i].fetch_add(kPiece); from < part.size();
           from = next[i].fetch_add(kPiece)) {
        const Bytes piece = part.subspan(from, std::min(kPiece, part.size() - from));
        keep(wide ? read_avx512(piece.data(), piece.size())
                  : read_plain(piece.data(), piece.size()));
      }
    }
  };
  return static_cast<double>(total) / seconds_together(threads, read);
}

double measure_int8_ops_per_second(ThreadPool& pool) {
  constexpr int kRepeats = 5;
  std::vector<std::uint64_t> operations(pool.threads());
  const auto work = [&](std::size_t thread) {
    for (int repeat = 0; repeat < kRepeats; ++repeat) operations[thread] += int8_work();
  };
  seconds_together(pool.threads(), work);  // wakes the wide units and the clock
  std::vector<double> rates;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    std::fill(operations.begin(), operations.end(), 0);
    const double seconds = seconds_together(pool.threads(), work);
    std::uint64_t total = 0;
    for (const std::uint64_t count : operations) total += count;
    rates.push_back(static_cast<double>(total) / seconds);
  }
  std::nth_element(rates.begin(), rates.begin() + kRepeats / 2, rates.end());
  return rates[kRepeats / 2];
}

double measure_barrier_seconds(ThreadPool& pool) {
  auto nothing = [](std::size_t, std::size_t) {};
  std::vector<double> times;
  for (int repeat = 0; repeat < 201; ++repeat) {
    const auto start = Clock::now();
    pool.run(pool.threads(), nothing);
    times.push_back(seconds_since(start));
  }
  std::nth_element(times.begin(), times.begin() + 100, times.end());
  return times[100];
}

}  // namespace pxos::tensor
