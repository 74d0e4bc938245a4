#pragma once
// A copy of a guest's memory as pages. Images taken one after the other share the pages that did
// not change between them; pages of zeros take no memory at all. Immutable values, shareable.

#include "pxvm/base/bytes.hpp"

#include <array>
#include <memory>
#include <vector>

namespace pxos::debug {

class MemoryImage {
 public:
  static constexpr std::size_t kPageBytes = std::size_t{1} << 16U;

  MemoryImage() = default;
  /// Shares with `previous` every page that is equal in both; its memory must have the same size.
  static MemoryImage capture(Bytes memory, const MemoryImage* previous);

  /// Requires: memory of the size that was captured.
  void restore(MutBytes memory) const;
  /// Writes only the pages that are not `before`'s: what happened between the two images.
  void restore_changes(const MemoryImage& before, MutBytes memory) const;

  /// Bytes of pages that `other` (may be null) does not hold as well.
  [[nodiscard]] std::uint64_t own_bytes(const MemoryImage* other) const;

 private:
  using Page = ByteVector;
  static void restore_page(const Page* page, MutBytes memory);

  std::vector<std::shared_ptr<const Page>> pages_;  ///< null = zeros
};

}  // namespace pxos::debug
