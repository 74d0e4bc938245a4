#pragma once
// Which warnings a person wants. One row in warnings.def is one warning.

#include "pxvm/base/result.hpp"

#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>

namespace pxos::assembler {

enum class Warning : std::uint8_t {
// clang-format off
#define PX_WARNING(Name, text, meaning) k##Name,
#include "assembler/warnings.def"
#undef PX_WARNING
  // clang-format on
};

struct WarningInfo {
  Warning warning;
  std::string_view name;  ///< as written behind -W and in diagnostics
  std::string_view meaning;
};

/// All warnings, in the order of Warning.
[[nodiscard]] std::span<const WarningInfo> all_warnings();
[[nodiscard]] std::string_view warning_name(Warning warning);

/// All warnings are on until one is turned off.
class WarningSet {
 public:
  [[nodiscard]] bool has(Warning warning) const {
    return !off_.test(static_cast<std::size_t>(warning));
  }

  /// One word of the command line: a name, "unused" (all that begin so) or "all", with "no-" in
  /// front to turn them off. Errors: kUsage with the nearest name.
  Result<void> apply(std::string_view word);

 private:
  std::bitset<32> off_;
};

}  // namespace pxos::assembler
