#pragma once
// Checks JSON text before a document is built from it: depth, size and duplicate keys. No JSON type
// appears here; json.hpp is the internal header for the .cpp files that read values.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <string_view>

namespace pxos::cartridges {

struct JsonLimits {
  std::uint64_t max_bytes = std::uint64_t{16} << 20U;
  std::uint32_t max_depth = 16;
  std::uint64_t max_values = 1U << 20U;  ///< strings, numbers, arrays, objects and keys together
};

/// Errors: kInvalid names the byte and the reason (syntax, UTF-8, a key that appears twice);
/// kLimit. `what` names the document in messages.
Result<void> check_json(Bytes text, std::string_view what, const JsonLimits& limits = {});

}  // namespace pxos::cartridges
