// help, map, log, screenshot, clear, exit: the shell itself.

#include "shell/command.hpp"
#include "shell/format.hpp"
#include "shell/headless_screen.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

constexpr std::size_t kUsageColumns = 24;
constexpr std::size_t kLogLines = 20;
constexpr Size kMapPicture{880, 288};

std::string usage(const CommandInfo& command) {
  std::string text(command.name);
  if (!command.arguments.empty()) text += " " + std::string(command.arguments);
  return text;
}

std::string aliases_of(std::string_view name) {
  std::string list;
  for (const AliasInfo& alias : aliases()) {
    if (alias.name == name) list += (list.empty() ? "" : ", ") + std::string(alias.alias);
  }
  return list;
}

void help_row(Output& out, const CommandInfo& command) {
  out.text("  " + std::string(command.name), Style::kAccent);
  const std::string arguments =
      command.arguments.empty() ? "" : " " + std::string(command.arguments);
  out.text(padded(arguments, kUsageColumns - command.name.size()), Style::kText);
  out.text(std::string(command.help) + "\n", Style::kDim);
}

/// "14:03:59" of local time.
std::string clock_time(std::int64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// The first of "stem.png", "stem-2.png" ... that is not there.
std::filesystem::path free_name(const std::string& stem) {
  std::error_code ignored;
  std::filesystem::path path = stem + ".png";
  for (int n = 2; std::filesystem::exists(path, ignored) && n < 10'000; ++n)
    path = fmt::format("{}-{}.png", stem, n);
  return path;
}

}  // namespace

Result<void> command_help(CommandContext& context, const std::vector<std::string>& words) {
  Output& out = context.out;
  if (!words.empty()) {
    const CommandInfo* command = find_command(words[0]);
    if (command == nullptr) return fail(Errc::kUsage, "help: there is no command '{}'", words[0]);
    out.text(usage(*command), Style::kAccent);
    out.text("\n" + std::string(command->help) + "\n", Style::kText);
    if (const std::string also = aliases_of(command->name); !also.empty())
      out.text("also: " + also + "\n", Style::kDim);
    return {};
  }
  out.text("Type to talk to the mounted model. Or one of:\n", Style::kText);
  for (const CommandInfo& command : commands()) help_row(out, command);
  out.text("Tab completes, Up recalls, Ctrl-R searches, Esc stops an answer.\n", Style::kDim);
  out.text("Commands are lower case: begin a sentence with a capital.\n", Style::kDim);
  return {};
}

/// `map [PLACE] [FILE.png]`: a word that ends in .png is the file.
Result<void> command_map(CommandContext& context, const std::vector<std::string>& words) {
  const bool to_file = !words.empty() && words.back().ends_with(".png");
  const std::size_t places = words.size() - (to_file ? 1U : 0U);
  if (places > 1) return fail(Errc::kUsage, "map: one place at a time, and a file ends in .png");
  const std::string place = places == 1 ? words[0] : "";
  const infinite_map::Rect bounds = context.system.map_bounds(place);
  if (bounds.empty() && places == 1)
    return fail(Errc::kNotFound, "map: nothing there is called {}", place);
  if (bounds.empty()) return fail(Errc::kNotFound, "map: it is empty, because nothing is mounted");
  const pixelfs::Image picture =
      context.system.render_map(bounds, kMapPicture.width, kMapPicture.height);
  if (picture.width == 0) return fail(Errc::kInvalid, "map: it could not be drawn");
  const std::string caption = fmt::format("{} x {} pixels of memory", bounds.width, bounds.height);
  if (!to_file) {
    context.out.picture(picture, caption);
    return {};
  }
  PX_CHECK(write_screenshot(picture, words.back()));
  context.out.text(fmt::format("{}: {}\n", words.back(), caption), Style::kText);
  return {};
}

Result<void> command_screenshot(CommandContext& context, const std::vector<std::string>& words) {
  const auto path = words.empty() ? free_name("pxos") : std::filesystem::path(words[0]);
  PX_CHECK(context.front.screenshot(path));
  context.out.text("the screen is in " + path.string() + "\n", Style::kText);
  return {};
}

Result<void> command_log(CommandContext& context, const std::vector<std::string>& words) {
  std::size_t wanted = kLogLines;
  if (!words.empty()) {
    const std::string& text = words[0];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wanted);
    if (error != std::errc() || end != text.data() + text.size())
      return fail(Errc::kUsage, "log: '{}' is not a number of lines", text);
  }
  const auto entries = context.system.log();
  const std::size_t first = entries.size() - std::min(entries.size(), wanted);
  for (std::size_t i = first; i < entries.size(); ++i) {
    const hypervisor::LogEntry& entry = entries[i];
    context.out.text(clock_time(entry.unix_ms) + "  ", Style::kDim);
    context.out.text(padded(entry.what, 9), Style::kAccent);
    context.out.text(padded(shortened(entry.subject, 32), 34) + entry.result, Style::kText);
    context.out.text(entry.seconds > 0 ? "  " + format_seconds(entry.seconds) + "\n" : "\n",
                     Style::kDim);
  }
  if (entries.empty()) context.out.text("nothing has run yet\n", Style::kText);
  return {};
}

Result<void> command_clear(CommandContext& context, const std::vector<std::string>&) {
  context.front.clear();
  return {};
}

Result<void> command_exit(CommandContext& context, const std::vector<std::string>&) {
  context.front.quit();
  return {};
}

}  // namespace pxos::shell
