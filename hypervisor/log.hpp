#pragma once
// The execution log: append-only, one JSON object a line, in memory and (with a home) on disk.
// Nothing leaves the machine. Thread-safe.

#include "hypervisor/hypervisor.hpp"

#include <filesystem>
#include <mutex>

namespace pxos::hypervisor {

class ExecutionLog {
 public:
  explicit ExecutionLog(std::filesystem::path file) : file_(std::move(file)) {}
  void append(LogEntry entry);
  [[nodiscard]] std::vector<LogEntry> entries() const;

 private:
  std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::vector<LogEntry> entries_;
};

}  // namespace pxos::hypervisor
