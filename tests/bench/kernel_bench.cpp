// Kernel speed beside the limits of the machine, measured in the same run.
//   pxos_kernel_bench [threads] [filter]      PXOS_KERNELS forces a set
// Decode streams a file of weights that is larger than the caches, mapped as a sheet would be
// (lines with a gap).

#include "pxvm/base/file.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "pxvm/tensor/ops.hpp"
#include "tests/bench/kernel_limits.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <unistd.h>

namespace pxos::bench {
namespace {

using namespace std::chrono_literals;
using tensor::DType;
using tensor::MatF32;

/// With one thread: its processor time, so that a busy machine does not hide what the kernel does.
bool use_processor_time = false;

double now_seconds() {
  timespec time{};
  clock_gettime(use_processor_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds_of(const std::function<void()>& body) {
  const double start = now_seconds();
  body();
  return now_seconds() - start;
}

/// Best and median of repetitions within about `budget`; the best is what an idle machine would
/// give.
struct Timing {
  double best;
  double median;
};

Timing repeat(const std::function<void()>& body, std::chrono::duration<double> budget = 400ms) {
  std::vector<double> times;
  double total = 0;
  while (times.size() < 5 || (total < budget.count() && times.size() < 1000)) {
    times.push_back(seconds_of(body));
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

void print_rate(const std::string& what, double amount, const Timing& time, const char* unit,
                double limit) {
  fmt::print("{:<44} {:8.1f} best {:8.1f} median {}  ({:.0f} % of limit)\n", what,
             amount / time.best / 1e9, amount / time.median / 1e9, unit,
             limit > 0 ? 100 * amount / time.best / 1e9 / limit : 0.0);
  std::fflush(stdout);
}

/// A file of arbitrary bytes, mapped and removed.
class MappedBytes {
 public:
  explicit MappedBytes(std::size_t bytes) {
    const auto path =
        std::filesystem::temp_directory_path() / fmt::format("pxos-kernel-bench-{}", getpid());
    ByteVector content(bytes);
    std::uint64_t state = 1;
    for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      const std::uint64_t value = state & 0xffff'ffff'3fff'3fffU;  // no f16 infinities in scales
      std::memcpy(content.data() + i, &value, 8);
    }
    if (!write_file_atomic(path, content)) std::abort();
    auto mapped = MappedFile::open(path);
    if (!mapped) std::abort();
    file_ = std::make_unique<MappedFile>(std::move(*mapped));
    std::filesystem::remove(path);
  }
  [[nodiscard]] const std::uint8_t* data() const { return file_->bytes().data(); }
  [[nodiscard]] std::size_t size() const { return file_->bytes().size(); }

 private:
  std::unique_ptr<MappedFile> file_;
};

struct Shape {
  const char* name;
  std::int64_t rows;
  std::int64_t cols;
};

/// W[rows, cols] at `offset` of the map, in lines as a sheet has them (about 48 000 bytes and a
/// gap).
tensor::PackedTensor tensor_at(const MappedBytes& memory, std::uint64_t& offset, DType dtype,
                               const Shape& shape) {
  const tensor::DTypeInfo& entry = tensor::info(dtype);
  tensor::PackedTensor w;
  w.dtype = dtype;
  w.rows = shape.rows;
  w.cols = shape.cols;
  w.affine_max = 1;
  w.units_per_group =
      static_cast<std::uint32_t>((shape.cols + entry.unit_cols - 1) / entry.unit_cols);
  tensor::UnitSegment segment;
  segment.units_per_line = 48'000 / entry.unit_bytes;
  segment.line_stride = (segment.units_per_line * entry.unit_bytes + 18 + 63) / 64 * 64;
  segment.row_groups = static_cast<std::uint64_t>(w.row_groups());
  const std::uint64_t units = segment.row_groups * w.units_per_group;
  const std::uint64_t bytes = (units / segment.units_per_line + 1) * segment.line_stride;
  if (offset + bytes > memory.size()) offset = 0;
  segment.base = memory.data() + offset;
  offset += bytes;
  w.segments = {segment};
  return w;
}

struct Machine {
  double stream_gbs = 0;
  double int8_gops = 0;
};

Machine measure_machine(ThreadPool& pool, const MappedBytes& memory) {
  Machine machine;
  if (!__builtin_cpu_supports("avx512vnni")) return machine;
  std::atomic<std::uint64_t> sink{0};
  const std::size_t threads = pool.threads();
  const std::size_t share = memory.size() / threads / 512 * 512;
  auto stream = [&](std::size_t chunk, std::size_t) {
    sink += read_stream(memory.data() + chunk * share, share);
  };
  const Timing read = repeat([&] { pool.run(threads, stream); });
  machine.stream_gbs = static_cast<double>(share * threads) / read.best / 1e9;
  constexpr std::size_t kRounds = 2'000'000;
  auto multiply = [&](std::size_t, std::size_t) { sink += int8_loop(kRounds); };
  const Timing dots = repeat([&] { pool.run(threads, multiply); });
  machine.int8_gops = kInt8OpsPerRound * kRounds * static_cast<double>(threads) / dots.best / 1e9;
  fmt::print("{} threads: DRAM read {:.1f} GB/s, int8 {:.0f} GOPS\n", threads, machine.stream_gbs,
             machine.int8_gops);
  return machine;
}

void bench_matmul(tensor::OpContext& ctx, const MappedBytes& memory, const Machine& machine,
                  DType dtype, const Shape& shape) {
  std::uint64_t offset = 0;
  const std::string name(tensor::info(dtype).text);
  // Decode: one matrix after the other until the whole map was read.
  std::vector<tensor::PackedTensor> layers;
  std::uint64_t weight_bytes = 0;
  for (;;) {
    const std::uint64_t before = offset;
    tensor::PackedTensor w = tensor_at(memory, offset, dtype, shape);
    if (offset <= before) break;
    weight_bytes += w.segments[0].row_groups * w.units_per_group * tensor::info(dtype).unit_bytes;
    layers.push_back(std::move(w));
  }
  std::vector<float> x(static_cast<std::size_t>(512 * shape.cols), 0.25F);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7 % 101) * 0.02F - 1;
  std::vector<float> y(static_cast<std::size_t>(512 * shape.rows));
  const auto run = [&](const tensor::PackedTensor& w, std::int64_t tokens) {
    const tensor::MatmulTarget target{&w, {y.data(), tokens, shape.rows, shape.rows}};
    tensor::matmul(ctx, {x.data(), tokens, shape.cols, shape.cols}, {&target, 1});
  };
  const Timing decode = repeat([&] {
    for (const tensor::PackedTensor& w : layers) run(w, 1);
  });
  print_rate(fmt::format("{} {} decode", name, shape.name), static_cast<double>(weight_bytes),
             decode, "GB/s", machine.stream_gbs);
  const Timing prefill = repeat([&] { run(layers.front(), 512); });
  print_rate(fmt::format("{} {} prefill 512", name, shape.name),
             2.0 * 512 * static_cast<double>(shape.rows * shape.cols), prefill, "GOPS",
             machine.int8_gops);
}

void bench_attention(tensor::OpContext& ctx, std::int64_t heads, std::int64_t kv_heads,
                     std::int64_t head_dim) {
  const std::int64_t ctx_len = 4096;
  const std::int64_t kv = kv_heads * head_dim;
  // As many layers as it takes to come from memory, as they do between two tokens of a model.
  const std::size_t layer = static_cast<std::size_t>(ctx_len * kv);
  const std::size_t layers = (std::size_t{64} << 20) / (layer * 4);
  std::vector<std::uint16_t> k(layers * layer, 0x3400);
  std::vector<std::uint16_t> v(layers * layer, 0x3800);
  const std::vector<float> q(static_cast<std::size_t>(512 * heads * head_dim), 0.1F);
  std::vector<float> out(q.size());
  tensor::AttentionParams params;
  params.heads = heads;
  params.kv_heads = kv_heads;
  params.head_dim = head_dim;
  params.scale = 0.125F;
  const std::int64_t width = heads * head_dim;
  const auto run = [&](std::int64_t tokens, std::int64_t pos) {
    std::size_t at = 0;
    return repeat([&] {
      tensor::attention(ctx, params, {q.data(), tokens, width, width},
                        {k.data() + at * layer, tensor::KvFormat::kF16, ctx_len, kv, kv},
                        {v.data() + at * layer, tensor::KvFormat::kF16, ctx_len, kv, kv}, pos,
                        {out.data(), tokens, width, width});
      at = (at + 1) % layers;
    });
  };
  const std::string name = fmt::format("attention {}/{} x {}", heads, kv_heads, head_dim);
  const auto report = [&](std::int64_t tokens, std::int64_t pos) {
    const Timing time = run(tokens, pos);
    // Two products of 2 flops for every visible (query, position).
    const double pairs = static_cast<double>(tokens * pos + tokens * (tokens + 1) / 2);
    fmt::print("{:<30} T {:3} pos {:5} {:9.1f} us best {:9.1f} median {:7.1f} GFLOPS\n", name,
               tokens, pos, time.best * 1e6, time.median * 1e6,
               pairs * static_cast<double>(width) * 4 / time.best / 1e9);
  };
  report(1, 100);
  report(1, 4000);
  report(512, 0);
  report(512, 3500);
}

void bench_rows(tensor::OpContext& ctx) {
  const std::int64_t cols = 1536;
  std::vector<float> x(static_cast<std::size_t>(512 * cols), 0.5F);
  std::vector<float> y(x.size());
  const std::vector<float> w(static_cast<std::size_t>(cols), 1.0F);
  const MatF32 in{x.data(), 512, cols, cols};
  const MatF32 out{y.data(), 512, cols, cols};
  const auto report = [](const char* name, const Timing& time) {
    fmt::print("{:<30} 512 x 1536 {:9.1f} us best {:9.1f} median\n", name, time.best * 1e6,
               time.median * 1e6);
  };
  report("rmsnorm", repeat([&] { tensor::rmsnorm(ctx, in, w, 1e-5F, out); }, 100ms));
  report("silu_mul", repeat([&] { tensor::silu_mul(ctx, in, in, out); }, 100ms));
  report("softmax_rows", repeat([&] { tensor::softmax_rows(ctx, in, out); }, 100ms));
  auto nothing = [](std::size_t, std::size_t) {};
  const Timing section = repeat(
      [&] {
        for (int i = 0; i < 1000; ++i) ctx.pool.run(8, nothing);
      },
      100ms);
  fmt::print("{:<30} {:9.3f} us best {:9.3f} median\n", "parallel section", section.best * 1e3,
             section.median * 1e3);
}

int run(std::size_t threads, const std::string& filter) {
  const auto kernels = tensor::select_kernels_from_environment();
  if (!kernels) {
    fmt::print(stderr, "{}\n", kernels.error().message);
    return 1;
  }
  use_processor_time = threads == 1;
  ThreadPool pool(threads);
  tensor::Scratch scratch;
  const std::atomic<bool> stop{false};
  tensor::OpContext ctx{**kernels, pool, scratch, stop};
  fmt::print("kernels {}, {} usable processors\n", (*kernels)->name, usable_processors());
  const MappedBytes memory(std::size_t{400} << 20);
  const Machine machine = measure_machine(pool, memory);
  const Shape shapes[] = {{"576x1536", 576, 1536},
                          {"4864x896", 4864, 896},
                          {"8960x1536", 8960, 1536},
                          {"1536x8960", 1536, 8960}};
  for (const DType dtype : {DType::kQ8_0, DType::kQ5_0, DType::kQ5_1, DType::kQ4_0, DType::kQ4_1,
                            DType::kIQ4_NL, DType::kMXFP4, DType::kQ6_K, DType::kQ5_K, DType::kQ4_K,
                            DType::kQ3_K, DType::kQ2_K, DType::kF32, DType::kF16}) {
    if (filter.find(tensor::info(dtype).text) == std::string::npos && !filter.empty()) continue;
    for (const Shape& shape : shapes) {
      if (shape.cols % tensor::info(dtype).block_elems != 0) continue;
      bench_matmul(ctx, memory, machine, dtype, shape);
    }
  }
  if (filter.empty() || filter == "attention") {
    bench_attention(ctx, 9, 3, 64);
    bench_attention(ctx, 14, 2, 64);
    bench_attention(ctx, 12, 2, 128);
    bench_rows(ctx);
  }
  return 0;
}

}  // namespace
}  // namespace pxos::bench

int main(int argc, char** argv) {
  const std::size_t threads =
      argc > 1 ? std::max<std::size_t>(1, std::strtoul(argv[1], nullptr, 10)) : 1;
  return pxos::bench::run(threads, argc > 2 ? argv[2] : "");
}
