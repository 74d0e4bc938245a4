#include "shell/bench_report.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pxos::shell {
namespace {

using hypervisor::BenchmarkReport;
using hypervisor::OperationReport;
using nlohmann::ordered_json;

/// Rows of equal length; the first is the header, the first column is text, the others numbers.
using Table = std::vector<std::vector<std::string>>;

std::string plain_row(const std::vector<std::string>& row, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t c = 0; c < row.size(); ++c)
    line += c == 0 ? fmt::format("{:<{}}", row[c], widths[c])
                   : fmt::format("  {:>{}}", row[c], widths[c]);
  return line + "\n";
}

std::string markdown_row(const std::vector<std::string>& row) {
  std::string line = "|";
  for (const std::string& cell : row) line += fmt::format(" {} |", cell);
  return line + "\n";
}

std::string render(const Table& table, TableStyle style) {
  std::string out;
  if (style == TableStyle::kMarkdown) {
    out = markdown_row(table.front()) + "|---|";
    for (std::size_t c = 1; c < table.front().size(); ++c) out += "---:|";
    out += "\n";
    for (std::size_t r = 1; r < table.size(); ++r) out += markdown_row(table[r]);
    return out;
  }
  std::vector<std::size_t> widths(table.front().size());
  for (const auto& row : table)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  for (const auto& row : table) out += plain_row(row, widths);
  return out;
}

std::string percent(double share) {
  return fmt::format("{:.1f} %", share * 100);
}
std::string megabytes(double bytes) {
  return fmt::format("{:.1f} MB", bytes / 1e6);
}
std::string megabytes(std::uint64_t bytes) {
  return megabytes(static_cast<double>(bytes));
}

Table limits_table(const BenchmarkReport& r) {
  return {{"limit, measured in this run", "value"},
          {"DRAM read (the mapped sheets, by all threads)",
           fmt::format("{:.1f} GB/s", r.read_bytes_per_second / 1e9)},
          {"int8 multiply-add", fmt::format("{:.0f} GOPS", r.int8_ops_per_second / 1e9)},
          {"barrier", fmt::format("{:.2f} us", r.barrier_seconds * 1e6)}};
}

Table work_table(const BenchmarkReport& r) {
  Table table{{"work", "tok/s", "rate", "share of limit"}};
  table.push_back(
      {fmt::format("pp{}", r.prefill.tokens), fmt::format("{:.1f}", r.prefill.tokens_per_second),
       fmt::format("{:.0f} GOPS", r.prefill.per_second / 1e9), percent(r.prefill.share)});
  table.push_back({fmt::format("tg{}", r.decode.tokens),
                   fmt::format("{:.1f}", r.decode.tokens_per_second),
                   fmt::format("{:.1f} GB/s", r.decode.per_second / 1e9), percent(r.decode.share)});
  if (r.deep.tokens > 0)
    table.push_back({fmt::format("tg{} @ {}", r.deep.tokens, r.depth),
                     fmt::format("{:.1f}", r.deep.tokens_per_second),
                     fmt::format("{:.1f} GB/s", r.deep.per_second / 1e9), percent(r.deep.share)});
  return table;
}

/// Time, traffic and arithmetic per token, and the nearer of the two limits.
Table operation_table(const std::string& title, const OperationReport& work,
                      const BenchmarkReport& r) {
  Table table{{title, "us/token", "time", "calls/token", "KB/token", "GB/s", "GOPS", "of limit"}};
  const auto tokens = static_cast<double>(work.tokens);
  for (const vm::ProfileRow& row : work.rows) {
    const auto bytes = static_cast<double>(row.cost.weight_bytes + row.cost.tensor_bytes);
    const double ops = 2 * static_cast<double>(row.cost.multiply_adds);
    const double seconds = std::max(row.seconds, 1e-12);
    const double share =
        std::max(bytes / seconds / r.read_bytes_per_second, ops / seconds / r.int8_ops_per_second);
    table.push_back({row.name, fmt::format("{:.2f}", row.seconds / tokens * 1e6),
                     percent(row.seconds / work.seconds),
                     fmt::format("{:.2f}", static_cast<double>(row.calls) / tokens),
                     fmt::format("{:.0f}", bytes / tokens / 1e3),
                     fmt::format("{:.1f}", bytes / seconds / 1e9),
                     ops > 0 ? fmt::format("{:.0f}", ops / seconds / 1e9) : "", percent(share)});
  }
  table.push_back({"virtual machine and host",
                   fmt::format("{:.2f}", work.overhead_seconds / tokens * 1e6),
                   percent(work.overhead_seconds / work.seconds), "", "", "", "", ""});
  return table;
}

Table memory_table(const BenchmarkReport& r) {
  const hypervisor::MemorySplit& m = r.memory;
  return {{"memory", "bytes"},
          {"resident", megabytes(m.process.resident)},
          {"- sheets (mapped, shared)", megabytes(m.sheets_resident)},
          {"- KV cache, reserved", megabytes(m.kv)},
          {"- activations, declared", megabytes(m.activations)},
          {"- everything else", megabytes(m.other)}};
}

std::string summary(const hypervisor::MountInfo& info, const BenchmarkReport& r) {
  std::string out = fmt::format(
      "weights {}, active per token {}; mount first {:.1f} ms (digests checked), second {:.1f} "
      "ms\n",
      megabytes(info.weight_bytes), megabytes(r.active_bytes), r.first_mount_seconds * 1e3,
      r.second_mount_seconds * 1e3);
  if (r.deep.tokens > 0)
    out += fmt::format(
        "depth {}: {} of cache; {:.2f} x tok/s at 0, the bytes allow {:.2f} x: {} of it\n", r.depth,
        megabytes(r.cache_bytes_at_depth), r.deep.tokens_per_second / r.decode.tokens_per_second,
        static_cast<double>(r.active_bytes) /
            static_cast<double>(r.active_bytes + r.cache_bytes_at_depth),
        percent(r.depth_share));
  if (r.interrupt_seconds > 0)
    out += fmt::format("interrupted prefill: stopped after {:.1f} ms (worst)\n",
                       r.interrupt_seconds * 1e3);
  return out;
}

ordered_json operations_json(const OperationReport& work) {
  ordered_json rows = ordered_json::array();
  for (const vm::ProfileRow& row : work.rows)
    rows.push_back({{"operation", row.name},
                    {"calls", row.calls},
                    {"seconds", row.seconds},
                    {"weight_bytes", row.cost.weight_bytes},
                    {"tensor_bytes", row.cost.tensor_bytes},
                    {"multiply_adds", row.cost.multiply_adds}});
  return {{"tokens", work.tokens},
          {"seconds", work.seconds},
          {"overhead_seconds", work.overhead_seconds},
          {"rows", rows}};
}

ordered_json memory_json(const hypervisor::MemorySplit& m) {
  return {{"resident", m.process.resident}, {"anonymous", m.process.anonymous},
          {"sheets", m.sheets_resident},    {"kv", m.kv},
          {"activations", m.activations},   {"other", m.other}};
}

// What is compared: shares decide, the rest informs.
struct Figure {
  const char* key;
  bool decides;
};
constexpr std::array<Figure, 8> kFigures{{{"prefill_share", true},
                                          {"decode_share", true},
                                          {"depth_share", true},
                                          {"prefill_tps", false},
                                          {"decode_tps", false},
                                          {"deep_tps", false},
                                          {"dram_gbs", false},
                                          {"int8_gops", false}}};

Result<ordered_json> parse_report(const std::string& text, const std::string& name) {
  ordered_json json = ordered_json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("decode_share"))
    return fail(Errc::kInvalid, "{}: not a report of `pxos bench --json`", name);
  for (const Figure& figure : kFigures)
    if (json.contains(figure.key) && !json[figure.key].is_number())
      return fail(Errc::kInvalid, "{}: {} is not a number", name, figure.key);
  return json;
}

}  // namespace

std::string bench_text(const hypervisor::MountInfo& info, const BenchmarkReport& report,
                       TableStyle style) {
  std::string out = fmt::format("# {}: {} on {} threads, kernels {}\n\n", info.name, info.program,
                                report.threads, report.kernels);
  out += render(limits_table(report), style) + "\n" + render(work_table(report), style) + "\n";
  out += summary(info, report) + "\n";
  for (const auto& [title, work] :
       {std::pair{"decode", &report.decode_operations}, {"prefill", &report.prefill_operations}}) {
    if (work->tokens > 0) out += render(operation_table(title, *work, report), style) + "\n";
  }
  return out + render(memory_table(report), style);
}

std::string bench_json(const hypervisor::MountInfo& info, const BenchmarkReport& r) {
  ordered_json json{{"cartridge", info.name},
                    {"program", info.program},
                    {"threads", r.threads},
                    {"kernels", r.kernels},
                    {"dram_gbs", r.read_bytes_per_second / 1e9},
                    {"int8_gops", r.int8_ops_per_second / 1e9},
                    {"barrier_us", r.barrier_seconds * 1e6},
                    {"prefill_tokens", r.prefill.tokens},
                    {"prefill_tps", r.prefill.tokens_per_second},
                    {"prefill_share", r.prefill.share},
                    {"decode_tokens", r.decode.tokens},
                    {"decode_tps", r.decode.tokens_per_second},
                    {"decode_share", r.decode.share},
                    {"active_bytes", r.active_bytes},
                    {"weight_bytes", info.weight_bytes},
                    {"first_mount_ms", r.first_mount_seconds * 1e3},
                    {"second_mount_ms", r.second_mount_seconds * 1e3},
                    {"rss_bytes", r.memory.process.resident},
                    {"memory", memory_json(r.memory)}};
  if (r.deep.tokens > 0) {
    json["depth"] = r.depth;
    json["deep_tps"] = r.deep.tokens_per_second;
    json["deep_share"] = r.deep.share;
    json["depth_share"] = r.depth_share;
    json["depth_cache_bytes"] = r.cache_bytes_at_depth;
  }
  if (r.interrupt_seconds > 0) json["interrupt_ms"] = r.interrupt_seconds * 1e3;
  if (r.decode_operations.tokens > 0) {
    json["vm_overhead"] = r.decode_operations.overhead_seconds / r.decode_operations.seconds;
    json["decode_operations"] = operations_json(r.decode_operations);
    json["prefill_operations"] = operations_json(r.prefill_operations);
  }
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<Comparison> compare_benches(const std::string& then_json, const std::string& then_name,
                                   const std::string& now_json, double threshold,
                                   TableStyle style) {
  PX_TRY(const ordered_json then, parse_report(then_json, then_name));
  PX_TRY(const ordered_json now, parse_report(now_json, "this run"));
  Comparison out;
  Table table{{"figure", "then", "now", "ratio"}};
  double worst = 1 - threshold;
  for (const Figure& figure : kFigures) {
    if (!then.contains(figure.key) || !now.contains(figure.key)) continue;
    const double a = then[figure.key].get<double>();
    const double b = now[figure.key].get<double>();
    const double ratio = a > 0 ? b / a : 1;
    table.push_back({figure.key, fmt::format("{:.4g}", a), fmt::format("{:.4g}", b),
                     fmt::format("{:.3f}", ratio)});
    if (!figure.decides || ratio >= worst) continue;
    worst = ratio;
    out.regression =
        fmt::format("{} {:.4f} is {:.3f} of the {:.4f} in {}, at least {:.3f} expected", figure.key,
                    b, ratio, a, then_name, 1 - threshold);
  }
  out.table = render(table, style);
  return out;
}

}  // namespace pxos::shell
