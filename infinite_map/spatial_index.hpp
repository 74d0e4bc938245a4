#pragma once
// Non-overlapping rectangles, found by point and by rectangle. The plane is cut in two again and
// again, each cell by its roundest coordinate (the one divisible by the highest power of two),
// until a cell has at most 32 rectangles; a rectangle is listed in every cell it touches. So the
// depth is O(log n) for regions that are spread out, whatever the order they came in, and never
// more than two cuts per coordinate bit.

#include "infinite_map/geometry.hpp"
#include "infinite_map/huge_allocator.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace pxos::infinite_map {

class SpatialIndex {
 public:
  SpatialIndex();

  /// Requires: a valid, non-empty rectangle that overlaps none in the index.
  void insert(const Rect& rect, std::uint32_t item);
  /// Requires: inserted before with the same rectangle.
  void erase(const Rect& rect, std::uint32_t item);

  [[nodiscard]] std::optional<std::uint32_t> at(Point point) const;
  /// Items that overlap `rect`, ascending. Requires: a valid rectangle.
  [[nodiscard]] std::vector<std::uint32_t> in(const Rect& rect) const;
  /// The least item that overlaps `rect`, if there is one.
  [[nodiscard]] std::optional<std::uint32_t> any_in(const Rect& rect) const;

 private:
  /// Large enough that the nodes above 10^6 regions fit a processor's own cache.
  static constexpr std::size_t kLeafSize = 32;

  struct Entry {
    Rect rect;
    std::uint32_t item = 0;
  };
  enum class Kind : std::uint8_t { kLeaf, kCutX, kCutY };
  /// 16 bytes, and the two sides of a cut beside each other: a lookup is a walk through memory.
  struct Node {
    std::int64_t at = 0;  ///< low side: coordinates < at
    /// Of a cut: the low side's node; the high side's is the next. Of a leaf: its block of entries.
    std::uint32_t child = 0;
    Kind kind = Kind::kLeaf;
    std::uint8_t count = 0;  ///< entries of a leaf
  };
  /// Part of the plane, [low, high) on each axis.
  struct Cell {
    std::int64_t x0 = std::numeric_limits<std::int64_t>::min();
    std::int64_t x1 = std::numeric_limits<std::int64_t>::max();
    std::int64_t y0 = std::numeric_limits<std::int64_t>::min();
    std::int64_t y1 = std::numeric_limits<std::int64_t>::max();
  };
  struct Cut {
    Kind kind = Kind::kLeaf;
    std::int64_t at = 0;
    std::size_t cost = 0;  ///< entries below + above + on the fuller side
  };

  [[nodiscard]] Entry* entries_of(const Node& leaf) {
    return blocks_.data() + std::size_t{leaf.child} * kLeafSize;
  }
  [[nodiscard]] const Entry* entries_of(const Node& leaf) const {
    return blocks_.data() + std::size_t{leaf.child} * kLeafSize;
  }
  void take_block(std::uint32_t node);
  void free_block(const Node& leaf);
  void insert_into(std::uint32_t node, const Cell& cell, const Entry& entry);
  void split(std::uint32_t node, const Cell& cell, const Entry& extra);
  void erase_from(std::uint32_t node, const Rect& rect, std::uint32_t item);
  void merge(std::uint32_t node);
  static Cut best_cut(std::span<const Entry> entries, const Cell& cell);
  static Cut cut_along(Kind kind, std::span<const Entry> entries, const Cell& cell);
  template <class Visit>
  void visit(std::uint32_t node, const Rect& rect, Visit&& use) const;

  std::vector<Node, HugeAllocator<Node>>
      nodes_;  ///< nodes_[0] is the root, nodes_[1] not used, then pairs
  std::vector<Entry, HugeAllocator<Entry>> blocks_;  ///< kLeafSize to a leaf
  std::vector<std::uint32_t> free_pairs_, free_blocks_;
};

}  // namespace pxos::infinite_map
