#include "hypervisor/benchmark.hpp"

#include "pxvm/tensor/probe.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace pxos::hypervisor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What one token costs: bytes of weights read, multiply-adds made.
struct TokenCost {
  double bytes = 0;
  double multiply_adds = 0;
};

TokenCost token_cost(const pixelfs::WeightSet& weights) {
  const bool has_own_head = weights.find("output.weight") != nullptr;
  TokenCost cost;
  for (const pixelfs::WeightTensor& weight : weights.tensors()) {
    if (weight.meta.layout == pixelfs::SheetLayout::kLinear) continue;
    if (weight.meta.name == "token_embd.weight" && has_own_head) continue;
    cost.bytes += static_cast<double>(weight.extent.canonical_bytes);
    cost.multiply_adds +=
        static_cast<double>(weight.packed.rows) * static_cast<double>(weight.packed.cols);
  }
  return cost;
}

/// A prompt that is text-like enough for timing: every id valid, none repeated in a row.
std::vector<std::int32_t> synthetic_tokens(std::int64_t count, std::int64_t vocabulary) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<std::int32_t>((i * 7919 + 13) % vocabulary));
  return tokens;
}

/// Figures of the runs of one work.
struct Samples {
  std::vector<double> tokens_per_second, limits, shares;

  void add(double rate, double limit, double share) {
    tokens_per_second.push_back(rate);
    limits.push_back(limit);
    shares.push_back(share);
  }
  [[nodiscard]] WorkReport report(std::int64_t tokens, double per_token) const {
    const double rate = median(tokens_per_second);
    return {tokens, rate, rate * per_token, median(shares)};
  }
};

class Bench {
 public:
  Bench(Mount& mount, const BenchmarkOptions& options)
      : mount_(mount), options_(options), cost_(token_cost(mount.weights())) {
    for (const cartridges::ManifestEntry* entry :
         mount.cartridge().of_kind(cartridges::EntryKind::kSheet))
      sheets_.push_back(mount.cartridge().bytes(*entry));
    const std::int64_t longest =
        std::max({options.prefill_tokens, options.decode_tokens, options.depth, std::int64_t{1}});
    tokens_ = synthetic_tokens(longest, mount.vocabulary_size());
  }

  Result<BenchmarkReport> run() {
    BenchmarkReport report;
    report.threads = mount_.pool().threads();
    PX_CHECK(prefill(options_.prefill_tokens));  // warms caches, page tables and clocks
    Samples prefills, decodes;
    for (std::int64_t i = 0; i < options_.repeats; ++i) {
      PX_CHECK(sample_prefill(prefills));
      PX_CHECK(prefill(1));
      PX_CHECK(sample_decode(decodes, 0));
    }
    report.int8_ops_per_second = median(prefills.limits);
    report.prefill = prefills.report(options_.prefill_tokens, 2 * cost_.multiply_adds);
    report.decode = decodes.report(options_.decode_tokens, cost_.bytes);
    PX_CHECK(run_operations(report));
    std::vector<double> reads = decodes.limits;
    PX_CHECK(run_deep(report, reads));
    report.read_bytes_per_second = median(reads);
    report.barrier_seconds = tensor::measure_barrier_seconds(mount_.pool());
    report.active_bytes = static_cast<std::uint64_t>(cost_.bytes);
    PX_TRY(report.memory, memory_split());
    mount_.rewind(0);
    return report;
  }

 private:
  [[nodiscard]] std::span<const std::int32_t> tokens(std::int64_t count) const {
    return std::span(tokens_).first(static_cast<std::size_t>(count));
  }
  [[nodiscard]] double read_rate() {
    return tensor::measure_read_bytes_per_second(mount_.pool(), sheets_);
  }
  [[nodiscard]] double cache_bytes(std::int64_t positions) const {
    return static_cast<double>(mount_.machine().linked().region_bytes) /
           static_cast<double>(mount_.context_length()) * static_cast<double>(positions);
  }

  /// Empties the session, then tokens per second of `count` tokens at once.
  Result<double> prefill(std::int64_t count) {
    mount_.rewind(0);
    const auto start = Clock::now();
    PX_CHECK(mount_.evaluate(tokens(count), 1));
    return static_cast<double>(count) / seconds_since(start);
  }
  /// Tokens per second of single tokens from where the session stands.
  Result<double> decode(std::int64_t count) {
    const auto start = Clock::now();
    for (const std::int32_t token : tokens(count)) PX_CHECK(mount_.evaluate({&token, 1}, 1));
    return static_cast<double>(count) / seconds_since(start);
  }

  Result<void> sample_prefill(Samples& out) {
    const double before = tensor::measure_int8_ops_per_second(mount_.pool());
    PX_TRY(const double rate, prefill(options_.prefill_tokens));
    const double after = tensor::measure_int8_ops_per_second(mount_.pool());
    const double limit = (before + after) / 2;
    out.add(rate, limit, rate * 2 * cost_.multiply_adds / limit);
    return {};
  }
  /// `cache`: bytes of keys and values that every token reads besides the weights.
  Result<void> sample_decode(Samples& out, double cache) {
    const double before = read_rate();
    PX_TRY(const double rate, decode(options_.decode_tokens));
    const double limit = (before + read_rate()) / 2;
    out.add(rate, limit, rate * (cost_.bytes + cache) / limit);
    return {};
  }

  /// Fills the cache once; every run steps back to the same depth.
  Result<void> run_deep(BenchmarkReport& report, std::vector<double>& reads) {
    report.depth = options_.depth;
    if (options_.depth == 0) return {};
    const double cache = cache_bytes(options_.depth);
    PX_CHECK(prefill(options_.depth));
    Samples deep;
    for (std::int64_t i = 0; i < options_.repeats; ++i) {
      mount_.rewind(static_cast<std::size_t>(options_.depth));
      PX_CHECK(sample_decode(deep, cache));
    }
    reads.insert(reads.end(), deep.limits.begin(), deep.limits.end());
    report.deep = deep.report(options_.decode_tokens, cost_.bytes + cache);
    report.cache_bytes_at_depth = static_cast<std::uint64_t>(cache);
    // Both works against their own probes: what the neighbours did in between cancels out.
    report.depth_share = report.deep.share / report.decode.share;
    return {};
  }

  Result<void> run_operations(BenchmarkReport& report) {
    if (!options_.operations) return {};
    PX_TRY(report.prefill_operations,
           profiled(options_.prefill_tokens, [&] { return prefill(options_.prefill_tokens); }));
    PX_CHECK(prefill(1));
    PX_TRY(report.decode_operations,
           profiled(options_.decode_tokens, [&] { return decode(options_.decode_tokens); }));
    return {};
  }

  Result<OperationReport> profiled(std::int64_t count,
                                   const std::function<Result<double>()>& work) {
    vm::Profile profile;
    mount_.machine().set_profile(&profile);
    const auto rate = work();
    mount_.machine().set_profile(nullptr);
    if (!rate) return tl::unexpected<Error>(rate.error());
    OperationReport out;
    out.rows = vm::profile_by_operation(mount_.machine().linked(), profile);
    out.tokens = count;
    out.seconds = static_cast<double>(count) / *rate;
    out.overhead_seconds = out.seconds - (profile.call_seconds() - profile.overhead_seconds());
    return out;
  }

  Result<MemorySplit> memory_split() {
    MemorySplit out;
    PX_TRY(out.process, memory_report());
    for (const Bytes sheet : sheets_) out.sheets_resident += resident_bytes(sheet);
    out.kv = mount_.machine().linked().region_bytes;
    out.activations = mount_.machine().linked().activation_bytes;
    const std::uint64_t known = out.sheets_resident + out.kv + out.activations;
    out.other = out.process.resident > known ? out.process.resident - known : 0;
    return out;
  }

  Mount& mount_;
  const BenchmarkOptions& options_;
  const TokenCost cost_;
  std::vector<Bytes> sheets_;
  std::vector<std::int32_t> tokens_;
};

}  // namespace

Result<BenchmarkReport> benchmark(Mount& mount, const BenchmarkOptions& options) {
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  const std::int64_t room = mount.context_length();
  if (options.prefill_tokens < 1 || options.decode_tokens < 1 || options.repeats < 1 ||
      options.depth < 0) {
    return fail(Errc::kUsage, "bench needs at least one token of each work and one run");
  }
  if (options.prefill_tokens > room || options.decode_tokens >= room ||
      options.depth > room - options.decode_tokens) {
    return fail(Errc::kUsage, "prefill {} and depth {} + decode {} do not fit into a context of {}",
                options.prefill_tokens, options.depth, options.decode_tokens, room);
  }
  return Bench(mount, options).run();
}

Result<std::optional<double>> measure_interrupt(Mount& mount,
                                                const std::function<void()>& interrupt) {
  constexpr auto kDelay = std::chrono::milliseconds(150);
  const auto tokens = synthetic_tokens(mount.context_length(), mount.vocabulary_size());
  mount.rewind(0);
  Clock::time_point pressed;
  std::thread key([&] {
    std::this_thread::sleep_for(kDelay);
    pressed = Clock::now();
    interrupt();
  });
  const auto result = mount.evaluate(tokens, 1);
  const auto stopped = Clock::now();
  key.join();
  mount.rewind(0);
  if (result) return std::optional<double>();
  if (result.error().code != Errc::kInterrupted) return tl::unexpected<Error>(result.error());
  return std::optional<double>(std::chrono::duration<double>(stopped - pressed).count());
}

}  // namespace pxos::hypervisor
