#pragma once
// Decides which units go to which sheet, from names and shapes alone.

#include "pixelfs/sheet_directory.hpp"

#include <span>
#include <vector>

namespace pxos::pixelfs {

struct PlannedSheet {
  std::string name;
  SheetGeometry geometry;
  Directory directory;               ///< digests still zero
  std::vector<std::size_t> sources;  ///< index of the input of each entry
};

/// Errors: kInvalid for a duplicate name, kUsage for options that hold no unit, those of
/// tensor_extent.
Result<std::vector<PlannedSheet>> make_plan(std::span<const TensorInput> tensors,
                                            const SheetOptions& options);

}  // namespace pxos::pixelfs
