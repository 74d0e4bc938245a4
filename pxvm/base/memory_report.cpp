#include "pxvm/base/memory_report.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace pxos {
namespace {

/// The value of the line "Key:   123 kB", in bytes. `key` ends with the colon.
Result<std::uint64_t> kilobytes(std::string_view text, std::string_view key) {
  std::size_t at = text.starts_with(key) ? 0 : text.find(fmt::format("\n{}", key));
  if (at == std::string_view::npos) return fail(Errc::kInvalid, "/proc: no line '{}'", key);
  at = text.find(key, at) + key.size();
  text.remove_prefix(std::min(text.find_first_not_of(" \t", at), text.size()));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto bytes = checked_mul<std::uint64_t>(value, 1024);
  if (error != std::errc{} || !bytes) return fail(Errc::kInvalid, "/proc: no number in '{}'", key);
  return *bytes;
}

/// Files of /proc have no size, so read_file cannot know when they end.
Result<std::string> read_proc(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::kIo, "cannot open {}", path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

Result<MemoryReport> parse_memory_report(std::string_view rollup, std::string_view status) {
  MemoryReport report;
  PX_TRY(report.resident, kilobytes(rollup, "Rss:"));
  PX_TRY(report.anonymous, kilobytes(rollup, "Anonymous:"));
  PX_TRY(report.swapped, kilobytes(rollup, "Swap:"));
  PX_TRY(report.address_space, kilobytes(status, "VmSize:"));
  PX_TRY(report.peak_resident, kilobytes(status, "VmHWM:"));
  if (report.anonymous > report.resident) {
    return fail(Errc::kInvalid, "/proc: {} bytes anonymous of {} resident", report.anonymous,
                report.resident);
  }
  report.file_mapped_resident = report.resident - report.anonymous;
  return report;
}

Result<MemoryReport> memory_report() {
  PX_TRY(const std::string rollup, read_proc("/proc/self/smaps_rollup"));
  PX_TRY(const std::string status, read_proc("/proc/self/status"));
  return parse_memory_report(rollup, status);
}

std::uint64_t resident_bytes(Bytes mapping) {
  constexpr std::size_t kPagesPerCall = 1U << 16U;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping.data());
  const std::uintptr_t end = begin + mapping.size();
  std::vector<unsigned char> in_core(kPagesPerCall);
  std::uint64_t total = 0;
  for (std::uintptr_t at = begin / page * page; at < end; at += kPagesPerCall * page) {
    const std::size_t pages =
        std::min<std::size_t>(kPagesPerCall, static_cast<std::size_t>(ceil_div(end - at, page)));
    // NOLINTNEXTLINE(performance-no-int-to-ptr): rounded down to a page, as mincore wants it
    if (::mincore(reinterpret_cast<void*>(at), pages * page, in_core.data()) != 0) return 0;
    for (std::size_t i = 0; i < pages; ++i) {
      if ((in_core[i] & 1U) == 0) continue;
      const std::uintptr_t first = at + i * page;
      total += std::min(first + page, end) - std::max(first, begin);
    }
  }
  return total;
}

std::string to_text(const MemoryReport& report) {
  const auto mb = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; };
  return fmt::format(
      "{:.1f} MB resident: {:.1f} MB anonymous, {:.1f} MB of files; {:.1f} MB mapped",
      mb(report.resident), mb(report.anonymous), mb(report.file_mapped_resident),
      mb(report.address_space));
}

}  // namespace pxos
