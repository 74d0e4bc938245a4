#include "pxvm/base/processors.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

namespace pxos {
namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

/// Processors that `quota` per `period` microseconds pay for, rounded up.
std::size_t processors_of(std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period) {
  if (!quota || !period || *period == 0) return std::numeric_limits<std::size_t>::max();
  return std::max<std::size_t>(1, *quota / *period + (*quota % *period != 0 ? 1 : 0));
}

/// cpu.max of version 2 is "quota period" or "max period"; version 1 has a file for each, -1 = no
/// limit.
std::size_t group_limit(const std::string& folder, bool version2) {
  if (!version2) {
    return processors_of(parse_number(read_text(folder + "/cpu.cfs_quota_us")),
                         parse_number(read_text(folder + "/cpu.cfs_period_us")));
  }
  const std::string text = read_text(folder + "/cpu.max");
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return std::numeric_limits<std::size_t>::max();
  return processors_of(parse_number(text), parse_number(std::string_view(text).substr(space + 1)));
}

/// The tightest limit of the group `path` and its ancestors.
std::size_t tree_limit(const std::string& root, std::string path, bool version2) {
  std::size_t limit = group_limit(root, version2);
  while (path.size() > 1) {
    limit = std::min(limit, group_limit(root + path, version2));
    path.resize(path.rfind('/'));
  }
  return limit;
}

/// Lines of /proc/self/cgroup are "number:controllers:path"; version 2 has no controllers.
std::size_t cgroup_limit() {
  std::ifstream file("/proc/self/cgroup");
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.substr(second + 1, 1) != "/") continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") limit = std::min(limit, tree_limit("/sys/fs/cgroup", path, true));
    if (controllers.find(",cpu,") != std::string::npos) {
      limit = std::min(limit, tree_limit("/sys/fs/cgroup/cpu", path, false));
    }
  }
  return limit;
}

std::size_t affinity_count() {
  // The kernel refuses a mask smaller than its own; machines with more than 1024 processors exist.
  for (std::size_t processors = 1024; processors <= 1U << 20; processors *= 4) {
    std::vector<unsigned long> words(processors / (8 * sizeof(unsigned long)));
    const long bytes =
        syscall(SYS_sched_getaffinity, 0, words.size() * sizeof(unsigned long), words.data());
    if (bytes <= 0) continue;
    std::size_t count = 0;
    for (const unsigned long word : words)
      count += static_cast<std::size_t>(__builtin_popcountl(word));
    return std::max<std::size_t>(1, count);
  }
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace

std::size_t usable_processors() {
  return std::max<std::size_t>(1, std::min(affinity_count(), cgroup_limit()));
}

}  // namespace pxos
