#include "hypervisor/benchmark.hpp"

#include "pxvm/tensor/probe.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>

#include <unistd.h>

namespace pxos::hypervisor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What one token costs: bytes of weights read, multiply-adds made.
struct TokenCost {
  std::uint64_t bytes = 0;
  double multiply_adds = 0;
};

TokenCost token_cost(const pixelfs::WeightSet& weights) {
  const bool has_own_head = weights.find("output.weight") != nullptr;
  TokenCost cost;
  for (const pixelfs::WeightTensor& weight : weights.tensors()) {
    if (weight.meta.layout == pixelfs::SheetLayout::kLinear) continue;
    if (weight.meta.name == "token_embd.weight" && has_own_head) continue;
    cost.bytes += weight.extent.canonical_bytes;
    cost.multiply_adds +=
        static_cast<double>(weight.packed.rows) * static_cast<double>(weight.packed.cols);
  }
  return cost;
}

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// A prompt that is text-like enough for timing: every id valid, none repeated in a row.
std::vector<std::int32_t> synthetic_tokens(std::int64_t count, std::int64_t vocabulary) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<std::int32_t>((i * 7919 + 13) % vocabulary));
  return tokens;
}

Result<double> time_prefill(Mount& mount, std::span<const std::int32_t> tokens) {
  mount.rewind(0);
  const auto start = Clock::now();
  PX_CHECK(mount.evaluate(tokens, 1));
  return static_cast<double>(tokens.size()) / seconds_since(start);
}

Result<double> time_decode(Mount& mount, std::span<const std::int32_t> tokens) {
  mount.rewind(0);
  PX_CHECK(mount.evaluate(tokens.first(1), 1));
  const auto start = Clock::now();
  for (const std::int32_t token : tokens) PX_CHECK(mount.evaluate({&token, 1}, 1));
  return static_cast<double>(tokens.size()) / seconds_since(start);
}

}  // namespace

Result<BenchmarkReport> benchmark(Mount& mount, const BenchmarkOptions& options) {
  const std::int64_t longest = std::max(options.prefill_tokens, options.decode_tokens + 1);
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  if (options.prefill_tokens < 1 || options.decode_tokens < 1 || options.repeats < 1 ||
      longest > mount.context_length()) {
    return fail(Errc::kUsage, "bench needs 1 <= tokens <= {} and at least one run",
                mount.context_length());
  }
  ThreadPool& pool = mount.pool();
  std::vector<Bytes> sheets;
  for (const cartridges::ManifestEntry* entry :
       mount.cartridge().of_kind(cartridges::EntryKind::kSheet)) {
    sheets.push_back(mount.cartridge().bytes(*entry));
  }
  const auto prompt = synthetic_tokens(options.prefill_tokens, mount.vocabulary_size());
  const auto answer = synthetic_tokens(options.decode_tokens, mount.vocabulary_size());
  BenchmarkReport report;
  report.threads = pool.threads();
  report.barrier_seconds = tensor::measure_barrier_seconds(pool);
  std::vector<double> reads, ops, prefill, decode;
  PX_CHECK(time_prefill(mount, prompt));  // warms caches, page tables and clocks
  for (std::int64_t i = 0; i < options.repeats; ++i) {
    ops.push_back(tensor::measure_int8_ops_per_second(pool));
    PX_TRY(const double prefill_rate, time_prefill(mount, prompt));
    prefill.push_back(prefill_rate);
    reads.push_back(tensor::measure_read_bytes_per_second(pool, sheets));
    PX_TRY(const double decode_rate, time_decode(mount, answer));
    decode.push_back(decode_rate);
    reads.push_back(tensor::measure_read_bytes_per_second(pool, sheets));
  }
  mount.rewind(0);
  const TokenCost cost = token_cost(mount.weights());
  report.read_bytes_per_second = median(reads);
  report.int8_ops_per_second = median(ops);
  report.prefill_tokens = options.prefill_tokens;
  report.prefill_tokens_per_second = median(prefill);
  report.prefill_ops_per_second = 2 * cost.multiply_adds * report.prefill_tokens_per_second;
  report.prefill_share = report.prefill_ops_per_second / report.int8_ops_per_second;
  report.decode_tokens = options.decode_tokens;
  report.decode_tokens_per_second = median(decode);
  report.decode_bytes_per_second =
      static_cast<double>(cost.bytes) * report.decode_tokens_per_second;
  report.decode_share = report.decode_bytes_per_second / report.read_bytes_per_second;
  report.active_bytes = cost.bytes;
  report.resident_bytes = resident_bytes();
  return report;
}

}  // namespace pxos::hypervisor
