#pragma once
// Where the shell keeps things, after the XDG base directory conventions.

#include <filesystem>
#include <string>

namespace pxos::shell {

struct Paths {
  std::filesystem::path home;  ///< $PXOS_HOME, else $XDG_DATA_HOME/pxos, else ~/.local/share/pxos
  std::filesystem::path
      state;  ///< $XDG_STATE_HOME/pxos, else ~/.local/state/pxos; with $PXOS_HOME: that

  [[nodiscard]] std::filesystem::path cartridges() const { return home / "cartridges"; }
  [[nodiscard]] std::filesystem::path history() const { return state / "history"; }
};

/// Empty paths when the environment names no home at all: then nothing is kept.
[[nodiscard]] Paths paths_from_environment();

/// With "~" for the user's home in front, for showing.
[[nodiscard]] std::string display_path(const std::filesystem::path& path);

}  // namespace pxos::shell
