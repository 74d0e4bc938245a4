#pragma once
// Where a command's output goes: a block of the console, the terminal, or both.

#include "pixelfs/png.hpp"
#include "shell/style.hpp"

#include <string>
#include <string_view>

namespace pxos::shell {

/// One job writes to one Output, from one thread at a time.
class Output {
 public:
  virtual ~Output() = default;
  /// Appends text; '\n' ends a line. Wrong UTF-8 and control characters are shown, never obeyed.
  virtual void text(std::string_view utf8, Style style) = 0;
  /// Shows a picture (1, 3 or 4 channels) on lines of its own.
  virtual void picture(const pixelfs::Image& image, std::string_view caption) = 0;
  /// A line about the work, not its result ("41 tokens, 38 tok/s"): kept apart where it can be.
  virtual void note(std::string_view line) = 0;
  /// What is going on right now, for a status line; replaces the one before, empty for nothing.
  virtual void activity(std::string_view line) = 0;
};

/// Sends everything to two outputs.
class TeeOutput final : public Output {
 public:
  TeeOutput(Output& first, Output& second) : first_(first), second_(second) {}
  void text(std::string_view utf8, Style style) override {
    first_.text(utf8, style);
    second_.text(utf8, style);
  }
  void picture(const pixelfs::Image& image, std::string_view caption) override {
    first_.picture(image, caption);
    second_.picture(image, caption);
  }
  void note(std::string_view line) override {
    first_.note(line);
    second_.note(line);
  }
  void activity(std::string_view line) override {
    first_.activity(line);
    second_.activity(line);
  }

 private:
  Output& first_;
  Output& second_;
};

}  // namespace pxos::shell
