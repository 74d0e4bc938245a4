#pragma once
// Non-overlapping rectangles, found by point and by rectangle. Rectangles are sorted into size
// classes (ceil log2 of width, of height); each class is a hash grid whose cells are as large as
// its largest member. A member lies in at most four cells, and since members do not overlap and are
// larger than half a cell a side, a cell holds at most nine: a lookup costs O(size classes in use),
// whatever the number of rectangles.

#include "infinite_map/geometry.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pxos::infinite_map {

class SpatialIndex {
 public:
  /// Requires: a valid, non-empty rectangle that overlaps none in the index.
  void insert(const Rect& rect, std::uint32_t item);
  /// Requires: inserted before with the same rectangle.
  void erase(const Rect& rect, std::uint32_t item);

  [[nodiscard]] std::optional<std::uint32_t> at(Point point) const;
  /// Items that overlap `rect`, ascending. Requires: a valid rectangle.
  [[nodiscard]] std::vector<std::uint32_t> in(const Rect& rect) const;
  /// Some item that overlaps `rect` (the same for the same content), if there is one.
  [[nodiscard]] std::optional<std::uint32_t> any_in(const Rect& rect) const;

 private:
  struct Entry {
    Rect rect;
    std::uint32_t item;
  };
  struct CellHash {
    std::size_t operator()(const std::pair<std::int64_t, std::int64_t>& cell) const;
  };
  using Cells =
      std::unordered_map<std::pair<std::int64_t, std::int64_t>, std::vector<Entry>, CellHash>;
  using SizeClass = std::pair<unsigned, unsigned>;  ///< log2 of the cell's width and height

  static SizeClass class_of(const Rect& rect);
  template <class Visit>
  static void visit_class(const SizeClass& size, const Cells& cells, const Rect& rect, Visit visit);

  std::map<SizeClass, Cells> classes_;
};

}  // namespace pxos::infinite_map
