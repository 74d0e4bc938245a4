#include "cartridges/weights.hpp"

namespace pxos::cartridges {

Result<pixelfs::WeightSet> open_weights(const Cartridge& cartridge) {
  std::vector<pixelfs::Sheet> sheets;
  for (const ManifestEntry* entry : cartridge.of_kind(EntryKind::kSheet)) {
    auto sheet = pixelfs::Sheet::open(cartridge.bytes(*entry));
    if (!sheet) return in_context(entry->name, std::move(sheet).error());
    sheets.push_back(*std::move(sheet));
  }
  if (sheets.empty()) return fail(Errc::kNotFound, "{}: no weights in it", cartridge.path());
  return pixelfs::WeightSet::open(std::move(sheets));
}

}  // namespace pxos::cartridges
