#include "pxvm/base/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <immintrin.h>

namespace pxos {
namespace {

/// How often each chunk ran.
std::vector<int> run_and_count(ThreadPool& pool, std::size_t chunks) {
  std::vector<int> counts(chunks);  // plain: a chunk is run by one thread, and run() publishes it
  auto count = [&](std::size_t chunk, std::size_t thread) {
    if (thread < pool.threads()) ++counts[chunk];
  };
  pool.run(chunks, count);
  return counts;
}

}  // namespace

TEST_CASE("ThreadPool runs every chunk exactly once", "[base][thread_pool]") {
  for (const std::size_t threads : {1U, 2U, 3U, 8U, 17U}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const std::size_t chunks : {0U, 1U, 2U, 3U, 7U, 100U, 1000U}) {
      CHECK(run_and_count(pool, chunks) == std::vector<int>(chunks, 1));
    }
  }
}

TEST_CASE("ThreadPool survives many short sections in a row", "[base][thread_pool]") {
  for (const std::size_t threads : {2U, 5U}) {
    ThreadPool pool(threads);
    std::vector<std::uint64_t> sums(6);
    for (int round = 0; round < 3000; ++round) {
      auto add = [&](std::size_t chunk, std::size_t) { sums[chunk] += chunk + 1; };
      pool.run(sums.size(), add);
    }
    CHECK(sums == std::vector<std::uint64_t>{3000, 6000, 9000, 12000, 15000, 18000});
  }
}

TEST_CASE("ThreadPool wakes parked workers", "[base][thread_pool]") {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // past the spinning
    CHECK(run_and_count(pool, 64) == std::vector<int>(64, 1));
  }
}

TEST_CASE("ThreadPool lets a free thread take the work of a busy one", "[base][thread_pool]") {
  ThreadPool pool(2);
  // Chunk 0 waits for all others: thread 0's whole share but the first chunk must be stolen.
  std::atomic<int> others{0};
  auto chunk = [&](std::size_t index, std::size_t) {
    if (index != 0) {
      others.fetch_add(1);
      return;
    }
    while (others.load() != 63) std::this_thread::yield();
  };
  pool.run(64, chunk);
  CHECK(others.load() == 63);
}

TEST_CASE("ThreadPool goes on correctly after a thread was late", "[base][thread_pool]") {
  ThreadPool pool(4);
  for (int round = 0; round < 3; ++round) {
    // One chunk holds its thread far longer than the others take, as a taken processor would.
    auto chunk = [&](std::size_t index, std::size_t thread) {
      if (thread == 0 || index != 63) return;
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(3);
      while (std::chrono::steady_clock::now() < end) _mm_pause();
    };
    pool.run(64, chunk);
    for (int after = 0; after < 200; ++after) {
      CHECK(run_and_count(pool, 9) == std::vector<int>(9, 1));
    }
  }
}

TEST_CASE("ThreadPool with pinned threads runs every chunk once", "[base][thread_pool]") {
  std::thread([] {  // the calling thread keeps its processor: not this test's thread
    ThreadPool pool(3, Affinity::kPinned);
    CHECK(run_and_count(pool, 100) == std::vector<int>(100, 1));
  })
      .join();
}

TEST_CASE("ThreadPool splits sections that have more chunks than its counters hold",
          "[base][thread_pool]") {
  ThreadPool pool(2);
  const std::size_t chunks = (std::size_t{1} << 20) + 10;
  const std::vector<int> counts = run_and_count(pool, chunks);
  CHECK(std::accumulate(counts.begin(), counts.end(), std::size_t{0}) == chunks);
  CHECK(*std::min_element(counts.begin(), counts.end()) == 1);
}

TEST_CASE("ThreadPool chunks run with default rounding and denormals", "[base][thread_pool]") {
  ThreadPool pool(3);
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);  // flush to zero, denormals are zero
  const unsigned changed = _mm_getcsr();
  std::atomic<int> wrong{0};
  auto check = [&](std::size_t, std::size_t) {
    if ((_mm_getcsr() & ~0x3FU) != 0x1f80) wrong.fetch_add(1);
  };
  pool.run(50, check);
  ThreadPool created_now(3);  // its workers inherit this thread's state
  created_now.run(50, check);
  CHECK((_mm_getcsr() & ~0x3FU) == (changed & ~0x3FU));
  _mm_setcsr(before);
  CHECK(wrong.load() == 0);
}

}  // namespace pxos
