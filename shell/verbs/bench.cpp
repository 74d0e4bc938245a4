// bench: speed beside the limits of this machine, measured in the same run.

#include "hypervisor/benchmark.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct BenchArguments {
  MountArguments mount;
  hypervisor::BenchmarkOptions options;
  bool json = false;
};

std::string bench_table(const hypervisor::MountInfo& info, const hypervisor::BenchmarkReport& r) {
  std::string out = fmt::format("# {}: {} on {} threads, kernels {}\n\n", info.name, info.program,
                                r.threads, r.kernels);
  out += fmt::format(
      "limits, measured in this run\n  DRAM read   {:8.1f} GB/s (the mapped sheets, one stream per "
      "thread)\n"
      "  int8        {:8.0f} GOPS\n  barrier     {:8.2f} us\n\n",
      r.read_bytes_per_second / 1e9, r.int8_ops_per_second / 1e9, r.barrier_seconds * 1e6);
  out += fmt::format("{:<12}{:>12}{:>16}{:>12}\n", "work", "tok/s", "rate", "share");
  out += fmt::format("{:<12}{:>12.1f}{:>11.0f} GOPS{:>10.1f} %\n",
                     fmt::format("pp{}", r.prefill_tokens), r.prefill_tokens_per_second,
                     r.prefill_ops_per_second / 1e9, r.prefill_share * 100);
  out += fmt::format("{:<12}{:>12.1f}{:>11.1f} GB/s{:>10.1f} %\n",
                     fmt::format("tg{}", r.decode_tokens), r.decode_tokens_per_second,
                     r.decode_bytes_per_second / 1e9, r.decode_share * 100);
  out += fmt::format(
      "\nmount {:.1f} ms, again {:.1f} ms; weights {:.1f} MB, active per token {:.1f} MB; RSS "
      "{:.0f} MB\n",
      r.first_mount_seconds * 1e3, r.second_mount_seconds * 1e3,
      static_cast<double>(info.weight_bytes) / 1e6, static_cast<double>(r.active_bytes) / 1e6,
      static_cast<double>(r.resident_bytes) / 1e6);
  return out;
}

std::string bench_json(const hypervisor::MountInfo& info, const hypervisor::BenchmarkReport& r) {
  return fmt::format(
      "{{\"cartridge\":\"{}\",\"threads\":{},\"kernels\":\"{}\",\"dram_gbs\":{:.3f},\"int8_gops\":{"
      ":.1f},"
      "\"barrier_us\":{:.3f},\"prefill_tokens\":{},\"prefill_tps\":{:.2f},\"prefill_share\":{:.4f},"
      "\"decode_tokens\":{},"
      "\"decode_tps\":{:.2f},\"decode_share\":{:.4f},\"active_bytes\":{},\"first_mount_ms\":{:.3f},"
      "\"second_mount_ms\":{:.3f},\"rss_bytes\":{}}}\n",
      info.name, r.threads, r.kernels, r.read_bytes_per_second / 1e9, r.int8_ops_per_second / 1e9,
      r.barrier_seconds * 1e6, r.prefill_tokens, r.prefill_tokens_per_second, r.prefill_share,
      r.decode_tokens, r.decode_tokens_per_second, r.decode_share, r.active_bytes,
      r.first_mount_seconds * 1e3, r.second_mount_seconds * 1e3, r.resident_bytes);
}

Result<int> run_bench(const BenchArguments& arguments) {
  PX_TRY(Mounted mounted, mount_cartridge(arguments.mount));
  const double first_mount = mounted.info.mount_seconds;
  PX_CHECK(mounted.hypervisor->unmount(mounted.info.name));
  PX_TRY(mounted.info, mounted.hypervisor->mount(mounted.info.path, {{}, arguments.mount.context}));
  hypervisor::BenchmarkReport report;
  PX_CHECK(mounted.hypervisor->with_mount(
      mounted.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
        PX_TRY(report, hypervisor::benchmark(mount, arguments.options));
        return {};
      }));
  report.first_mount_seconds = first_mount;
  report.second_mount_seconds = mounted.info.mount_seconds;
  report.kernels = mounted.hypervisor->kernels();
  fmt::print("{}",
             arguments.json ? bench_json(mounted.info, report) : bench_table(mounted.info, report));
  return 0;
}

}  // namespace

VerbAction setup_bench(CLI::App& verb) {
  auto arguments = std::make_shared<BenchArguments>();
  verb.add_option("CARTRIDGE", arguments->mount.cartridge, "cartridge with a language model")
      ->required();
  verb.add_option("--threads", arguments->mount.threads, "0 = all processors");
  verb.add_option("--prefill", arguments->options.prefill_tokens, "prompt tokens")
      ->capture_default_str();
  verb.add_option("--decode", arguments->options.decode_tokens, "generated tokens")
      ->capture_default_str();
  verb.add_option("--repeat", arguments->options.repeats, "runs; the median counts")
      ->capture_default_str();
  verb.add_flag("--json", arguments->json, "one JSON object");
  return [arguments] { return run_bench(*arguments); };
}

}  // namespace pxos::shell
