// What a busy neighbour costs: a stream of short sections on a pool, alone and beside threads that
// compute without pause.
//   pxos_oversubscription_bench [pool threads] [neighbours]

#include "pxvm/base/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <vector>

#include <fmt/core.h>

namespace pxos::bench {
namespace {

/// About 10 us of arithmetic.
void work(std::atomic<std::uint64_t>& sink) {
  std::uint64_t x = 1;
  for (int i = 0; i < 12'000; ++i) x = x * 6364136223846793005U + 1;
  sink.fetch_add(x, std::memory_order_relaxed);
}

/// Sections of 16 chunks a second.
double sections_per_second(std::size_t threads) {
  ThreadPool pool(threads);
  std::atomic<std::uint64_t> sink{0};
  auto chunk = [&](std::size_t, std::size_t) { work(sink); };
  const auto start = std::chrono::steady_clock::now();
  std::chrono::duration<double> spent{};
  int sections = 0;
  while (spent.count() < 2) {
    pool.run(16, chunk);
    ++sections;
    spent = std::chrono::steady_clock::now() - start;
  }
  return sections / spent.count();
}

}  // namespace
}  // namespace pxos::bench

int main(int argc, char** argv) {
  const std::size_t most = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2;
  const std::size_t neighbours = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1;
  const auto measure = [&](const char* name) {
    double one = 0;
    for (std::size_t threads = 1; threads <= most; ++threads) {
      const double rate = pxos::bench::sections_per_second(threads);
      if (threads == 1) one = rate;
      fmt::print("{:<16} {} threads {:9.0f} sections/s, {:.2f} of one thread\n", name, threads,
                 rate, rate / one);
    }
  };
  measure("alone");
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> sink{0};
  std::vector<std::thread> busy;
  for (std::size_t n = 0; n < neighbours; ++n) {
    busy.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) pxos::bench::work(sink);
    });
  }
  measure("busy neighbours");
  stop = true;
  for (std::thread& thread : busy) thread.join();
  return 0;
}
