#include "assembler/suggest.hpp"
#include "shell/command.hpp"
#include "shell/command_line.hpp"

#include <algorithm>
#include <array>

namespace pxos::shell {
namespace {

constexpr std::array kCommands{
    CommandInfo{"help", "[COMMAND]", "what can be typed here", 1, Grammar::kWords,
                Completes::kCommand, Lane::kQuick, command_help},
    CommandInfo{"ls", "[FOLDER]", "cartridges that can be mounted", 1, Grammar::kWords,
                Completes::kFile, Lane::kQuick, command_ls},
    CommandInfo{"mount", "FILE [NAME]", "mount a cartridge and talk to it", 2, Grammar::kWords,
                Completes::kCartridge, Lane::kModel, command_mount},
    CommandInfo{"unmount", "[NAME]", "put a cartridge away", 1, Grammar::kWords, Completes::kMount,
                Lane::kModel, command_unmount},
    CommandInfo{"mounts", "", "what is mounted", 0, Grammar::kWords, Completes::kNothing,
                Lane::kQuick, command_mounts},
    CommandInfo{"swap", "NAME", "talk to another mounted cartridge", 1, Grammar::kWords,
                Completes::kMount, Lane::kModel, command_swap},
    CommandInfo{"chat", "TEXT", "go on with the conversation (plain text does the same)", 0,
                Grammar::kText, Completes::kNothing, Lane::kModel, command_chat},
    CommandInfo{"ask", "TEXT", "one question, apart from the conversation", 0, Grammar::kText,
                Completes::kNothing, Lane::kModel, command_ask},
    CommandInfo{"new", "", "begin a new conversation", 0, Grammar::kWords, Completes::kNothing,
                Lane::kModel, command_new},
    CommandInfo{"run", "[NAME] [ENTRY]", "run a cartridge's program", 2, Grammar::kWords,
                Completes::kMount, Lane::kModel, command_run},
    CommandInfo{"reload", "FILE.pxasm [replay]",
                "another program for the model, between two tokens", 2, Grammar::kWords,
                Completes::kFile, Lane::kQuick, command_reload},
    CommandInfo{"info", "[NAME]", "everything about a mounted cartridge", 1, Grammar::kWords,
                Completes::kMount, Lane::kQuick, command_info},
    CommandInfo{"map", "[PLACE] [FILE.png]", "the memory map, or a part such as blk.3", 2,
                Grammar::kWords, Completes::kFile, Lane::kQuick, command_map},
    CommandInfo{"log", "[COUNT]", "what ran, and how long", 1, Grammar::kWords, Completes::kNothing,
                Lane::kQuick, command_log},
    CommandInfo{"screenshot", "[FILE.png]", "write this screen as a picture", 1, Grammar::kWords,
                Completes::kFile, Lane::kQuick, command_screenshot},
    CommandInfo{"clear", "", "an empty screen", 0, Grammar::kWords, Completes::kNothing,
                Lane::kQuick, command_clear},
    CommandInfo{"exit", "", "leave", 0, Grammar::kWords, Completes::kNothing, Lane::kQuick,
                command_exit},
};

constexpr std::array kAliases{
    AliasInfo{"?", "help"},    AliasInfo{"dir", "ls"},    AliasInfo{"load", "mount"},
    AliasInfo{"use", "swap"},  AliasInfo{"ps", "mounts"}, AliasInfo{"reset", "new"},
    AliasInfo{"cls", "clear"}, AliasInfo{"quit", "exit"}, AliasInfo{"q", "exit"},
};

/// The verb that a single word, or a word with one argument, was probably meant to be.
std::string meant_command(std::string_view line) {
  const auto words = split_words(line);
  if (!words || words->empty() || words->size() > 2) return {};
  std::vector<std::string_view> known;
  for (const CommandInfo& command : kCommands) known.push_back(command.name);
  for (const AliasInfo& alias : kAliases) {
    if (alias.alias.size() > 2) known.push_back(alias.alias);
  }
  const auto nearest = assembler::nearest(words->front(), known);
  return nearest ? std::string(*nearest) : std::string();
}

Result<void> run_command(CommandContext& context, const CommandInfo& command,
                         const std::string& rest) {
  if (command.grammar == Grammar::kText) return command.handler(context, {free_text(rest)});
  PX_TRY(const std::vector<std::string> words, split_words(rest));
  if (words.size() > command.most_words) {
    return fail(Errc::kUsage,
                "{}: '{}' is too much (usage: {}{}{}; to say it to the model: chat {} ...)",
                command.name, words[command.most_words], command.name,
                command.arguments.empty() ? "" : " ", command.arguments, command.name);
  }
  return command.handler(context, words);
}

}  // namespace

std::span<const CommandInfo> commands() {
  return kCommands;
}

std::span<const AliasInfo> aliases() {
  return kAliases;
}

const CommandInfo* find_command(std::string_view name) {
  for (const AliasInfo& alias : kAliases) {
    if (alias.alias == name) name = alias.name;
  }
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const CommandInfo& c) { return c.name == name; });
  return found == kCommands.end() ? nullptr : &*found;
}

const CommandInfo* command_of(std::string_view line) {
  return find_command(split_verb(line).verb);
}

Result<void> run_line(CommandContext& context, std::string_view line) {
  const VerbAndRest parts = split_verb(line);
  if (parts.verb.empty()) return {};
  if (const CommandInfo* command = find_command(parts.verb))
    return run_command(context, *command, parts.rest);
  if (const std::string meant = meant_command(line); !meant.empty()) {
    return fail(Errc::kUsage,
                "there is no command '{}': did you mean '{}'? (to say it to the model: chat {})",
                parts.verb, meant, line);
  }
  if (context.state.current().empty()) {
    return fail(Errc::kUsage,
                "there is no command '{}' (help lists them), and no model is mounted to talk to",
                parts.verb);
  }
  return command_chat(context, {free_text(line)});
}

}  // namespace pxos::shell
