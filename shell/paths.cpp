#include "shell/paths.hpp"

#include <cstdlib>

namespace pxos::shell {
namespace {

/// An absolute path from a variable; a relative one is ignored, as the convention asks.
std::filesystem::path absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  const std::filesystem::path path = value == nullptr ? "" : value;
  return path.is_absolute() ? path : std::filesystem::path();
}

std::filesystem::path below(const std::filesystem::path& base, const char* rest) {
  return base.empty() ? base : base / rest;
}

}  // namespace

Paths paths_from_environment() {
  const std::filesystem::path user = absolute_variable("HOME");
  // The one variable that may be relative: it is ours, and `PXOS_HOME=. pxos` is clear enough.
  if (const char* own = std::getenv("PXOS_HOME"); own != nullptr && *own != '\0') {
    std::error_code ignored;
    const auto home = std::filesystem::absolute(own, ignored);
    return {home, home};
  }
  const std::filesystem::path data = absolute_variable("XDG_DATA_HOME");
  const std::filesystem::path state = absolute_variable("XDG_STATE_HOME");
  return {data.empty() ? below(user, ".local/share/pxos") : data / "pxos",
          state.empty() ? below(user, ".local/state/pxos") : state / "pxos"};
}

std::string display_path(const std::filesystem::path& path) {
  const std::string text = path.string();
  const std::string user = absolute_variable("HOME").string();
  if (user.size() > 1 && text.starts_with(user + "/")) return "~" + text.substr(user.size());
  return text;
}

}  // namespace pxos::shell
