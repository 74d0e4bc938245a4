#pragma once
// What the commands share: which mount is talked to, the names completion knows, where files are.
// Thread-safe.

#include "shell/paths.hpp"

#include <mutex>
#include <string>
#include <vector>

namespace pxos::shell {

class ShellState {
 public:
  explicit ShellState(Paths paths) : paths_(std::move(paths)) {}

  [[nodiscard]] const Paths& paths() const { return paths_; }

  /// The mount that `ask` and `chat` mean; empty for none.
  [[nodiscard]] std::string current() const {
    const std::scoped_lock lock(mutex_);
    return current_;
  }
  void set_current(std::string name) {
    const std::scoped_lock lock(mutex_);
    current_ = std::move(name);
  }
  /// Names of all mounts, as of the last command.
  [[nodiscard]] std::vector<std::string> mounted() const {
    const std::scoped_lock lock(mutex_);
    return mounted_;
  }
  void set_mounted(std::vector<std::string> names) {
    const std::scoped_lock lock(mutex_);
    mounted_ = std::move(names);
  }

 private:
  const Paths paths_;
  mutable std::mutex mutex_;
  std::string current_;
  std::vector<std::string> mounted_;
};

}  // namespace pxos::shell
