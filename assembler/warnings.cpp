#include "assembler/warnings.hpp"

#include "assembler/suggest.hpp"

#include <array>
#include <vector>

namespace pxos::assembler {
namespace {

constexpr auto kWarnings = std::to_array<WarningInfo>({
// clang-format off
#define PX_WARNING(Name, text, meaning) {Warning::k##Name, text, meaning},
#include "assembler/warnings.def"
#undef PX_WARNING
    // clang-format on
});
static_assert(kWarnings.size() <= 32, "WarningSet has 32 bits");

}  // namespace

std::span<const WarningInfo> all_warnings() {
  return kWarnings;
}

std::string_view warning_name(Warning warning) {
  return kWarnings[static_cast<std::size_t>(warning)].name;
}

Result<void> WarningSet::apply(std::string_view word) {
  const bool off = word.starts_with("no-");
  const std::string_view name = off ? word.substr(3) : word;
  bool found = false;
  std::vector<std::string_view> known = {"all", "unused"};
  for (const WarningInfo& info : kWarnings) {
    known.push_back(info.name);
    const bool meant = name == info.name || name == "all" ||
                       (name == "unused" && info.name.starts_with("unused-"));
    if (meant) off_.set(static_cast<std::size_t>(info.warning), off);
    found = found || meant;
  }
  if (found) return {};
  const std::string near = did_you_mean(name, known);
  return fail(Errc::kUsage, "there is no warning '{}'{}{}", name, near.empty() ? "" : "; ", near);
}

}  // namespace pxos::assembler
