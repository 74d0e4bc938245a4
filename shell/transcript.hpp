#pragma once
// What the console shows above its prompt: blocks in the order they were begun, each written by one
// job, so that two jobs never mix their lines. Thread-safe: jobs write while the window reads.

#include "shell/output.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace pxos::shell {

/// Text of one style.
struct Span {
  std::string text;  ///< valid UTF-8 without control characters
  Style style = Style::kText;
};

/// A line as written, before it is wrapped; or a picture, which is a line of its own.
struct Line {
  std::vector<Span> spans;
  std::shared_ptr<const pixelfs::Image> picture;
};

class Transcript {
 public:
  /// Lines kept; the oldest go first, as a terminal's scrollback does.
  static constexpr std::size_t kMaxLines = 4000;
  /// Bytes of one line; more is broken into the next, so that nothing grows without bound.
  static constexpr std::size_t kMaxLineBytes = std::size_t{1} << 14U;

  /// `changed` is called after every change, from the writing thread.
  explicit Transcript(std::function<void()> changed = {});
  ~Transcript();
  Transcript(const Transcript&) = delete;
  Transcript& operator=(const Transcript&) = delete;

  /// A new block at the end. The Output keeps working after clear(); it then shows nothing. The
  /// transcript outlives it.
  [[nodiscard]] std::unique_ptr<Output> begin_block();

  void clear();

  /// Calls `visit` with the lines from the last to the first until it returns false; writers wait.
  void visit_backwards(const std::function<bool(const Line&)>& visit) const;
  /// All text, for tests and for copying.
  [[nodiscard]] std::string text() const;
  /// The newest line of activity, empty for none.
  [[nodiscard]] std::string activity() const;

 private:
  struct Block;
  class Writer;
  Line& open_line(Block& block);
  void append(Block& block, std::string_view utf8, Style style);
  void trim();

  std::function<void()> changed_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Block>> blocks_;
  std::size_t lines_ = 0;
  std::string activity_;
};

}  // namespace pxos::shell
