#pragma once
// The lines typed so far, oldest first, kept in a text file with one line each. A file that cannot
// be read or written costs the memory of it, nothing else. Single-threaded.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::shell {

class History {
 public:
  static constexpr std::size_t kMaxLines = 2000;

  /// Keeps nothing beyond its life.
  History() = default;
  /// Loads `file`; add() appends to it. An empty path keeps nothing.
  static History load(std::filesystem::path file);

  /// Remembers a line unless it is empty, begins with a space, or repeats the last one.
  void add(std::string_view line);
  [[nodiscard]] std::size_t size() const { return lines_.size(); }
  /// Requires: index < size().
  [[nodiscard]] const std::string& at(std::size_t index) const { return lines_.at(index); }
  /// Index of the newest line below `before` that contains `wanted`; size() when there is none.
  [[nodiscard]] std::size_t find(std::string_view wanted, std::size_t before) const;

 private:
  void store(std::string_view line) const;
  std::filesystem::path file_;
  std::vector<std::string> lines_;
};

}  // namespace pxos::shell
