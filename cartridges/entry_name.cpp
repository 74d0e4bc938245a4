#include "cartridges/entry_name.hpp"

#include <algorithm>
#include <string>

namespace pxos::cartridges {
namespace {

constexpr std::size_t kMaxBytes = 255;

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '/';
}

/// The name as it may be shown: control characters would act on a terminal.
std::string shown(std::string_view name) {
  std::string out(name.substr(0, kMaxBytes));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

}  // namespace

Result<void> check_entry_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxBytes)
    return fail(Errc::kInvalid, "entry name of {} bytes, expected 1 to {}", name.size(), kMaxBytes);
  if (!std::all_of(name.begin(), name.end(), is_allowed))
    return fail(Errc::kInvalid, "entry name \"{}\": only A-Z a-z 0-9 . _ - / are allowed",
                shown(name));
  if (name == "manifest.json" || name == "label.png")
    return fail(Errc::kInvalid, "entry name \"{}\" is reserved", name);
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == "..")
      return fail(Errc::kInvalid, "entry name \"{}\": not a plain relative name", shown(name));
    if (slash == std::string_view::npos) return {};
    name.remove_prefix(slash + 1);
  }
}

}  // namespace pxos::cartridges
