#pragma once
// The command table: one list that dispatch, help, completion and "did you mean" all read. To add a
// command, add one row in command_table.cpp and one handler.

#include "shell/output.hpp"
#include "shell/shell_state.hpp"
#include "shell/system.hpp"

#include <atomic>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::shell {

/// What only the face of the shell (window, terminal, headless) can do. Called from worker threads.
class Front {
 public:
  virtual ~Front() = default;
  virtual void clear() = 0;
  /// Writes what the console shows as PNG.
  virtual Result<void> screenshot(const std::filesystem::path& path) = 0;
  virtual void quit() = 0;
};

struct CommandContext {
  System& system;
  ShellState& state;
  Front& front;
  Output& out;
  const std::atomic<bool>& cancelled;
};

/// Handlers get the words; those of kText commands get the rest of the line as one word.
using CommandHandler = Result<void> (*)(CommandContext& context,
                                        const std::vector<std::string>& words);

/// What completion offers for the arguments.
enum class Completes : std::uint8_t { kNothing, kCommand, kMount, kCartridge, kFile };

/// Where it runs: quick ones do not wait for a model that is busy.
enum class Lane : std::uint8_t { kQuick, kModel };

enum class Grammar : std::uint8_t { kWords, kText };

struct CommandInfo {
  std::string_view name;
  std::string_view arguments;  ///< for help: "FILE [as NAME]"
  std::string_view help;       ///< one line
  std::size_t most_words = 0;  ///< for kWords
  Grammar grammar = Grammar::kWords;
  Completes completes = Completes::kNothing;
  Lane lane = Lane::kQuick;
  CommandHandler handler = nullptr;
};

struct AliasInfo {
  std::string_view alias;
  std::string_view name;
};

[[nodiscard]] std::span<const CommandInfo> commands();
[[nodiscard]] std::span<const AliasInfo> aliases();
/// By name or alias; null when there is none.
[[nodiscard]] const CommandInfo* find_command(std::string_view name);

/// The command of a line: a known verb, or nullptr when the line is text for the model.
[[nodiscard]] const CommandInfo* command_of(std::string_view line);

/// Runs one line. Text that begins with no known verb goes to the mounted model; a word that is
/// nearly a verb, or text without a model, is an error that says what was meant.
Result<void> run_line(CommandContext& context, std::string_view line);

// The handlers, by file. commands_cartridge.cpp
Result<void> command_ls(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_mount(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_unmount(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_mounts(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_swap(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_info(CommandContext& context, const std::vector<std::string>& words);
// commands_model.cpp
Result<void> command_ask(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_chat(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_new(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_run(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_reload(CommandContext& context, const std::vector<std::string>& words);
// commands_shell.cpp
Result<void> command_help(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_map(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_screenshot(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_log(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_clear(CommandContext& context, const std::vector<std::string>& words);
Result<void> command_exit(CommandContext& context, const std::vector<std::string>& words);

/// The mount called `name`, or the current one for "". Errors: kNotFound saying what to do.
Result<hypervisor::MountInfo> pick_mount(const CommandContext& context, const std::string& name);
/// After a change of the mounts: the names completion offers, and a current one that exists.
void refresh_mounts(CommandContext& context);

/// Cartridge files of the store and of the current folder, newest first within each.
[[nodiscard]] std::vector<std::filesystem::path> find_cartridges(const Paths& paths);
/// A file by path, or by name in the store, with or without ".pxa". Errors: kNotFound.
Result<std::filesystem::path> resolve_cartridge(const Paths& paths, const std::string& given);

}  // namespace pxos::shell
