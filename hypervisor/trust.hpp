#pragma once
// Trust records: a file whose digests were checked once need not be checked again while it is the
// same file (device, inode, size, mtime). That is how a warm mount takes milliseconds. Kept in one
// text file under the home.

#include "cartridges/cartridge.hpp"
#include "pixelfs/sheet.hpp"

#include <filesystem>

namespace pxos::hypervisor {

class TrustStore {
 public:
  /// `file` is created on the first record; an empty path keeps nothing and trusts nothing.
  explicit TrustStore(std::filesystem::path file) : file_(std::move(file)) {}

  /// True when this very file, unchanged, passed before under the same manifest digest.
  [[nodiscard]] bool knows(const cartridges::Cartridge& cartridge) const;
  /// Appends a record; a store that cannot be written is not an error, the next mount checks again.
  void record(const cartridges::Cartridge& cartridge) const;

 private:
  std::filesystem::path file_;
};

/// Entry digests, sheet framing and tensor digests; what the first mount of an unknown file checks.
Result<void> verify_contents(const cartridges::Cartridge& cartridge,
                             const pixelfs::WeightSet& weights);

}  // namespace pxos::hypervisor
