#include "hypervisor/log.hpp"

#include <chrono>
#include <fstream>

#include <fmt/format.h>

namespace pxos::hypervisor {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void ExecutionLog::append(LogEntry entry) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  entry.unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::scoped_lock lock(mutex_);
  if (!file_.empty()) {
    std::error_code ignored;
    std::filesystem::create_directories(file_.parent_path(), ignored);
    std::ofstream(file_, std::ios::app) << fmt::format(
        "{{\"ms\":{},\"what\":{},\"subject\":{},\"digest\":{},\"seconds\":{:.6f},\"result\":{}}}\n",
        entry.unix_ms, json_string(entry.what), json_string(entry.subject),
        json_string(entry.digest), entry.seconds, json_string(entry.result));
  }
  entries_.push_back(std::move(entry));
}

std::vector<LogEntry> ExecutionLog::entries() const {
  const std::scoped_lock lock(mutex_);
  return entries_;
}

}  // namespace pxos::hypervisor
