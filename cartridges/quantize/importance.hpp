#pragma once
// How much the columns of each matrix matter: the mean square of what the model multiplies them
// with, measured over a text (hypervisor/importance.hpp). The file is a sheet
// (docs/spec/sheet.md): one linear f32 tensor [cols] per matrix, by the matrix's name, and the
// tensor "pxos.importance" f32[2] = {format version 1, tokens}. Its digests and limits are the
// sheet's. Pure functions.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

struct Importance {
  std::int64_t tokens = 0;  ///< of the text it was measured on
  /// By tensor name; one value >= 0 per column: sum of x^2 over rows / rows.
  std::map<std::string, std::vector<float>, std::less<>> mean_squares;

  /// Empty for a matrix that was never multiplied.
  [[nodiscard]] std::span<const float> find(std::string_view tensor) const;
};

/// The file's bytes; equal contents give equal bytes. Errors: kInvalid for a value that is negative
/// or not finite, kLimit for more than one sheet holds.
Result<ByteVector> serialize(const Importance& importance);

/// Errors: kInvalid names the tensor: another type or shape, a bad value, a digest that is not its
/// own; kUnsupported for another version.
Result<Importance> parse_importance(Bytes file);

}  // namespace pxos::cartridges
