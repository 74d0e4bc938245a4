#include "shell/bench_report.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::hypervisor::BenchmarkReport;
using pxos::hypervisor::MountInfo;
using pxos::shell::bench_json;
using pxos::shell::bench_text;
using pxos::shell::compare_benches;
using pxos::shell::TableStyle;

namespace {

BenchmarkReport sample() {
  BenchmarkReport report;
  report.threads = 2;
  report.kernels = "avx2";
  report.read_bytes_per_second = 30e9;
  report.int8_ops_per_second = 900e9;
  report.prefill = {512, 700, 450e9, 0.5};
  report.decode = {128, 50, 27e9, 0.9};
  report.deep = {128, 40, 29e9, 0.95};
  report.depth = 4096;
  report.depth_share = 0.97;
  report.decode_operations = {{{"matmul wq", 24, 0.5, {1000, 10, 900}}}, 1.0, 0.01, 128};
  return report;
}

MountInfo info() {
  MountInfo out;
  out.name = "a \"quoted\" name";
  return out;
}

pxos::Result<pxos::shell::Comparison> compared(const BenchmarkReport& then,
                                               const BenchmarkReport& now) {
  return compare_benches(bench_json(info(), then), "then.json", bench_json(info(), now), 0.05,
                         TableStyle::kPlain);
}

}  // namespace

TEST_CASE("A run compared with itself is no regression", "[bench]") {
  const auto comparison = compared(sample(), sample());
  REQUIRE(comparison);
  CHECK(comparison->regression.empty());
  CHECK_THAT(comparison->table, Contains("depth_share"));
}

TEST_CASE("A share that fell beyond the threshold is named, the worst one", "[bench]") {
  BenchmarkReport slower = sample();
  slower.decode.share = 0.8;
  slower.prefill.share = 0.3;
  const auto comparison = compared(sample(), slower);
  REQUIRE(comparison);
  CHECK_THAT(comparison->regression, Contains("prefill_share 0.3000 is 0.600"));
  BenchmarkReport hardly = sample();
  hardly.decode.share = 0.87;
  CHECK(compared(sample(), hardly)->regression.empty());
}

TEST_CASE("A slower machine alone is no regression", "[bench]") {
  BenchmarkReport throttled = sample();
  throttled.decode.tokens_per_second = 10;
  throttled.read_bytes_per_second = 6e9;
  CHECK(compared(sample(), throttled)->regression.empty());
}

TEST_CASE("A file that is no report is refused by name", "[bench]") {
  const std::string now = bench_json(info(), sample());
  for (const std::string text : {"", "[]", "{}", "{\"decode_share\":\"fast\"}", "\xff\xfe"}) {
    const auto refused = compare_benches(text, "old.json", now, 0.05, TableStyle::kPlain);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Contains("old.json"));
  }
  for (std::size_t length = 0; length + 2 < now.size(); ++length)
    REQUIRE_FALSE(
        compare_benches(now.substr(0, length), "old.json", now, 0.05, TableStyle::kPlain));
}

TEST_CASE("Markdown tables have as many cells in every row", "[bench]") {
  const std::string text = bench_text(info(), sample(), TableStyle::kMarkdown);
  CHECK_THAT(text, Contains("| matmul wq |"));
  CHECK_THAT(text, Contains("| tg128 @ 4096 |"));
  std::ptrdiff_t cells = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const auto bars = std::count(text.begin() + static_cast<std::ptrdiff_t>(at),
                                 text.begin() + static_cast<std::ptrdiff_t>(end), '|');
    if (bars > 0 && cells > 0) CHECK(bars == cells);
    cells = bars;
    at = end + 1;
  }
}

TEST_CASE("Work that was not measured is not shown", "[bench]") {
  BenchmarkReport report = sample();
  report.deep = {};
  report.decode_operations = {};
  const std::string text = bench_text(info(), report, TableStyle::kPlain);
  CHECK(text.find("@ 4096") == std::string::npos);
  CHECK(text.find("us/token") == std::string::npos);
  CHECK(bench_json(info(), report).find("depth") == std::string::npos);
}
