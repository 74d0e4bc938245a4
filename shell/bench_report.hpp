#pragma once
// A benchmark for people and for programs: tables as text or Markdown, JSON, and the comparison of
// two runs. Pure functions.

#include "hypervisor/benchmark.hpp"
#include "hypervisor/hypervisor.hpp"

#include <string>

namespace pxos::shell {

enum class TableStyle : std::uint8_t { kPlain, kMarkdown };

[[nodiscard]] std::string bench_text(const hypervisor::MountInfo& info,
                                     const hypervisor::BenchmarkReport& report, TableStyle style);

/// One object on one line; rates in units named by the keys.
[[nodiscard]] std::string bench_json(const hypervisor::MountInfo& info,
                                     const hypervisor::BenchmarkReport& report);

struct Comparison {
  std::string table;       ///< every figure of both: then, now, ratio
  std::string regression;  ///< the worst one beyond the threshold, as a sentence; empty = none
};
/// Compares two texts of bench_json. Shares decide, because the machine's own limits are in them;
/// tokens per second are only shown. `threshold` 0.05: a share below 95 % of the earlier one is a
/// regression. Errors: kInvalid when a text is no such report (`then_name` says which file).
Result<Comparison> compare_benches(const std::string& then_json, const std::string& then_name,
                                   const std::string& now_json, double threshold, TableStyle style);

}  // namespace pxos::shell
