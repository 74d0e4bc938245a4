#pragma once
// Names of entries become file names on unpacking, so they are checked wherever they come from.

#include "pxvm/base/result.hpp"

#include <string_view>

namespace pxos::cartridges {

/// A plain relative name: '/'-separated parts of [A-Za-z0-9._-], no part "." or "..", at most 255
/// bytes, not "manifest.json" or "label.png" (unpack writes those itself).
/// Errors: kInvalid says what is wrong with it.
Result<void> check_entry_name(std::string_view name);

}  // namespace pxos::cartridges
