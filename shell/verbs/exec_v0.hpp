#pragma once
// `exec` of a program of the original pxVM v0: translated, run, and told what it left behind.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pxos::shell {

struct ExecV0Options {
  std::string dialect = "auto";
  bool compat = false;
  std::vector<std::string> rows;  ///< "ROW=FILE.npy": quantised into the picture before the run
  std::string output;             ///< where the picture goes afterwards; empty = nowhere
  bool source = false;            ///< print the translation instead of running it
  std::uint64_t fuel = 0;
};

/// Whether the file is a picture of the original machine.
[[nodiscard]] bool is_v0_program(const std::filesystem::path& path);

/// Prints one line per row that the program wrote. Errors: those of the program and of the files.
Result<int> exec_v0(const std::filesystem::path& path, const ExecV0Options& options);

/// For `inspect`: dialect and instructions. Errors: those of the picture.
Result<void> show_v0(const std::filesystem::path& path);

}  // namespace pxos::shell
