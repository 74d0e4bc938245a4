// The product of two f32 matrices by a pixel program (matmul.f32) beside plain loops in C++, in
// turns, one thread.
//   pxos_matmul_bench [n = 1024] [rounds = 7]
// Prints GFLOP/s (2 n^3 operations), medians, and the ratio to the faster loops. PXOS_KERNELS
// forces a kernel set.

#include "assembler/assembler.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "pxvm/vm/machine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include <fmt/core.h>

extern "C" void pxos_baseline_rows(const float* a, const float* b, float* c, int n);
extern "C" void pxos_baseline_sums(const float* a, const float* b_turned, float* c, int n);

namespace pxos::bench {
namespace {

constexpr const char* kProgram = R"(.program product
.param n
.entry main(a: f32[n, n], b: f32[n, n]) -> c: f32[n, n]
    matmul.f32 c, b, a        ; c[i, j] = sum_k b[j, k] a[i, k]
    halt
)";

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<float> values(std::size_t count, std::uint32_t seed) {
  std::vector<float> out(count);
  for (float& value : out) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8U) * 0x1p-24F - 0.5F;
  }
  return out;
}

std::vector<float> transposed(const std::vector<float>& m, std::size_t n) {
  std::vector<float> out(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) out[j * n + i] = m[i * n + j];
  return out;
}

struct Case {
  explicit Case(std::size_t size)
      : n(size), a(values(n * n, 1)), b(values(n * n, 2)), b_turned(transposed(b, n)) {}
  std::size_t n;
  std::vector<float> a, b, b_turned;
};

/// A machine with the program and the case's matrices in it; the pool must outlive it.
Result<vm::Machine> machine_for(const Case& one, ThreadPool& pool, const std::atomic<bool>& stop) {
  PX_TRY(auto verified, assembler::assemble_or_error({{"product.pxasm", kProgram}, {}, true}));
  vm::LinkInputs inputs;
  inputs.integers["n"] = static_cast<std::int64_t>(one.n);
  PX_TRY(auto linked, vm::link(std::move(verified), inputs));
  vm::MachineOptions options;
  PX_TRY(options.kernels, tensor::select_kernels_from_environment());
  options.pool = &pool;
  options.stop = &stop;
  PX_TRY(vm::Machine machine, vm::Machine::create(std::move(linked), options));
  PX_TRY(const MutBytes a, machine.memory("a"));
  PX_TRY(const MutBytes b, machine.memory("b"));
  std::memcpy(a.data(), one.a.data(), a.size());
  std::memcpy(b.data(), one.b_turned.data(), b.size());
  return machine;
}

double largest_difference(Bytes found, const std::vector<float>& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    float value = 0;
    std::memcpy(&value, found.data() + i * sizeof value, sizeof value);
    worst = std::max(worst, std::abs(double{value} - double{expected[i]}));
  }
  return worst;
}

Result<void> compare(const Case& one, int rounds) {
  ThreadPool pool(1);
  const std::atomic<bool> stop{false};
  PX_TRY(vm::Machine machine, machine_for(one, pool, stop));
  std::vector<float> c(one.n * one.n);
  const int n = static_cast<int>(one.n);
  std::vector<double> ours, rows, sums;
  for (int round = 0; round <= rounds; ++round) {
    Result<void> ran;
    const double machine_seconds = seconds_of([&] { ran = machine.call("main", {}); });
    PX_CHECK(ran);
    const double sums_seconds =
        seconds_of([&] { pxos_baseline_sums(one.a.data(), one.b_turned.data(), c.data(), n); });
    const double rows_seconds =
        seconds_of([&] { pxos_baseline_rows(one.a.data(), one.b.data(), c.data(), n); });
    if (round == 0) continue;  // warms caches and pages
    ours.push_back(machine_seconds);
    sums.push_back(sums_seconds);
    rows.push_back(rows_seconds);
  }
  PX_TRY(const MutBytes out, machine.memory("c"));
  const double billions = 2e-9 * std::pow(static_cast<double>(one.n), 3);
  const double best = std::min(median(rows), median(sums));
  fmt::print("n = {}, 1 thread, medians of {}; GFLOP/s\n", one.n, rounds);
  fmt::print("pixel program                 {:7.1f}\n", billions / median(ours));
  fmt::print("C++, loops i k j              {:7.1f}\n", billions / median(rows));
  fmt::print("C++, sixteen partial sums     {:7.1f}\n", billions / median(sums));
  fmt::print("of the faster C++             {:7.2f}   (limit 0.75), largest difference {:.2g}\n",
             best / median(ours), largest_difference(out, c));
  return {};
}

}  // namespace
}  // namespace pxos::bench

int main(int argc, char** argv) {
  const long n = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1024;
  const long rounds = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 7;
  if (n < 16 || n > 8192 || n % 16 != 0 || rounds < 1) {
    fmt::print(stderr, "usage: pxos_matmul_bench [n: a multiple of 16] [rounds]\n");
    return 2;
  }
  const pxos::bench::Case one(static_cast<std::size_t>(n));
  const auto done = pxos::bench::compare(one, static_cast<int>(rounds));
  if (!done) fmt::print(stderr, "pxos_matmul_bench: {}\n", done.error().message);
  return done ? 0 : 1;
}
