#pragma once
// The weights of a cartridge, all its sheets together.

#include "cartridges/cartridge.hpp"
#include "pixelfs/sheet.hpp"

namespace pxos::cartridges {

/// Keeps: the cartridge must outlive the set. Errors: kNotFound when it carries no sheet; those of
/// Sheet::open and WeightSet::open, with the entry's name.
Result<pixelfs::WeightSet> open_weights(const Cartridge& cartridge);

}  // namespace pxos::cartridges
