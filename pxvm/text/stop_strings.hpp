#pragma once
// Streams generated text and ends it at a stop string, wherever token borders fall: text that may
// still become a stop string is held back. Not thread-safe.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::text {

class StopStrings {
 public:
  /// `sink` may be empty; empty stop strings are ignored.
  StopStrings(std::vector<std::string> stops, std::function<void(std::string_view)> sink);

  /// True when a stop string is complete (the first in the text counts, the longest there); it and
  /// everything after it is dropped.
  bool add(std::string_view text);
  /// Gives out what was held back.
  void flush() { emit(pending_.size()); }
  /// Everything given out so far; nothing is left behind.
  [[nodiscard]] std::string take() { return std::move(all_); }

 private:
  [[nodiscard]] std::size_t held_back() const;
  void emit(std::size_t count);

  std::vector<std::string> stops_;
  std::function<void(std::string_view)> sink_;
  std::string pending_;
  std::string all_;
};

}  // namespace pxos::text
