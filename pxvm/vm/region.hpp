#pragma once
// The memory of a guest: an arena type and the region table that gives (slot, offset) addresses
// their meaning. The table belongs to the guest; mount and session fill it, so a remount or another
// session only swaps slots.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pxos::vm {

/// Zero-initialised anonymous memory, 64-byte aligned; pages cost memory only once touched.
/// Movable, owning.
class Arena {
 public:
  Arena() = default;
  /// Errors: kLimit when the operating system refuses.
  static Result<Arena> create(std::uint64_t bytes);
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  [[nodiscard]] std::uint8_t* data() const { return data_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Back to all zeros without keeping the pages.
  void clear();

 private:
  std::uint8_t* data_ = nullptr;
  std::uint64_t size_ = 0;
};

/// A plain record: where a slot's bytes are.
struct Region {
  std::uint8_t* base = nullptr;
  std::uint64_t size_bytes = 0;
  bool writable = false;
};

using RegionSlot = std::uint32_t;

class RegionTable {
 public:
  RegionSlot add(const Region& region);
  /// Swaps what a slot means (another session's KV). Requires: a known slot, size_bytes as before.
  void replace(RegionSlot slot, const Region& region);
  [[nodiscard]] const Region& at(RegionSlot slot) const { return regions_.at(slot); }

 private:
  std::vector<Region> regions_;
};

}  // namespace pxos::vm
