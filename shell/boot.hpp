#pragma once
// Booting: real steps, each shown with its time. Runs on the worker, so that the window is there
// first.

#include "shell/command.hpp"

#include <filesystem>
#include <optional>

namespace pxos::shell {

struct BootOptions {
  /// What to mount; empty: the default. A cartridge named here that fails to mount fails the boot.
  std::optional<std::filesystem::path> cartridge;
  bool logo = true;  ///< off where a picture would be a blur (a terminal): one line instead
};

/// Starts the system, looks for cartridges, mounts one. When the default one cannot be mounted that
/// is said and the welcome cartridge is mounted instead.
Result<void> boot(CommandContext& context, const BootOptions& options);

/// The store's cartridge to mount without being asked: $PXOS_HOME/cartridges/default.pxa, else the
/// small chat model that boot.sh fetches, else the newest; nullopt for an empty store.
[[nodiscard]] std::optional<std::filesystem::path> default_cartridge(const Paths& paths);

}  // namespace pxos::shell
