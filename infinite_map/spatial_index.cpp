#include "infinite_map/spatial_index.hpp"

#include <algorithm>
#include <bit>

namespace pxos::infinite_map {
namespace {

/// Cells of one class that a rectangle touches, inclusive.
struct CellRange {
  std::int64_t x0, x1, y0, y1;

  CellRange(const Rect& rect, std::pair<unsigned, unsigned> size)
      : x0(rect.x >> size.first),
        x1((rect.right() - 1) >> size.first),
        y0(rect.y >> size.second),
        y1((rect.bottom() - 1) >> size.second) {}

  /// Number of cells, saturated at `cap`.
  [[nodiscard]] std::uint64_t count(std::uint64_t cap) const {
    const std::uint64_t w = static_cast<std::uint64_t>(x1 - x0) + 1;
    const std::uint64_t h = static_cast<std::uint64_t>(y1 - y0) + 1;
    return w > cap || h > cap ? cap + 1 : w * h;  // cap < 2^32
  }
};

/// Smallest k with 2^k >= side; side >= 1.
unsigned ceil_log2(std::int64_t side) {
  return static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(side) - 1));
}

}  // namespace

std::size_t SpatialIndex::CellHash::operator()(
    const std::pair<std::int64_t, std::int64_t>& cell) const {
  // Two odd multipliers and a fold; neighbouring cells spread over the table.
  std::uint64_t h = static_cast<std::uint64_t>(cell.first) * 0x9E3779B97F4A7C15U;
  h ^= static_cast<std::uint64_t>(cell.second) * 0xC2B2AE3D27D4EB4FU;
  return static_cast<std::size_t>(h ^ (h >> 29U));
}

SpatialIndex::SizeClass SpatialIndex::class_of(const Rect& rect) {
  return {ceil_log2(rect.width), ceil_log2(rect.height)};
}

// At most 2 x 2 cells: no side is longer than the cell's.
void SpatialIndex::insert(const Rect& rect, std::uint32_t item) {
  const SizeClass size = class_of(rect);
  Cells& cells = classes_[size];
  const CellRange range(rect, size);
  for (std::int64_t y = range.y0; y <= range.y1; ++y) {
    for (std::int64_t x = range.x0; x <= range.x1; ++x) cells[{x, y}].push_back({rect, item});
  }
}

// Empty cells and classes go too: lookups pay for classes that are in use.
void SpatialIndex::erase(const Rect& rect, std::uint32_t item) {
  const auto found = classes_.find(class_of(rect));
  if (found == classes_.end()) return;
  Cells& cells = found->second;
  const CellRange range(rect, found->first);
  for (std::int64_t y = range.y0; y <= range.y1; ++y) {
    for (std::int64_t x = range.x0; x <= range.x1; ++x) {
      const auto cell = cells.find({x, y});
      if (cell == cells.end()) continue;
      std::erase_if(cell->second, [&](const Entry& e) { return e.item == item; });
      if (cell->second.empty()) cells.erase(cell);
    }
  }
  if (cells.empty()) classes_.erase(found);
}

std::optional<std::uint32_t> SpatialIndex::at(Point point) const {
  for (const auto& [size, cells] : classes_) {
    const auto cell = cells.find({point.x >> size.first, point.y >> size.second});
    if (cell == cells.end()) continue;
    for (const Entry& e : cell->second) {
      if (e.rect.contains(point)) return e.item;
    }
  }
  return std::nullopt;
}

/// Calls visit(entry) for entries of one class that overlap `rect`, some of them several times.
/// Walks the touched cells, or all cells when those are fewer.
template <class Visit>
void SpatialIndex::visit_class(const SizeClass& size, const Cells& cells, const Rect& rect,
                               Visit visit) {
  const auto visit_cell = [&](const std::vector<Entry>& entries) {
    for (const Entry& e : entries) {
      if (e.rect.overlaps(rect)) visit(e);
    }
  };
  const CellRange range(rect, size);
  if (range.count(std::uint64_t{1} << 30U) > cells.size()) {
    for (const auto& [cell, entries] : cells) visit_cell(entries);
    return;
  }
  for (std::int64_t y = range.y0; y <= range.y1; ++y) {
    for (std::int64_t x = range.x0; x <= range.x1; ++x) {
      const auto cell = cells.find({x, y});
      if (cell != cells.end()) visit_cell(cell->second);
    }
  }
}

// A rectangle in several cells is met several times: sorted, then made unique.
std::vector<std::uint32_t> SpatialIndex::in(const Rect& rect) const {
  std::vector<std::uint32_t> out;
  if (rect.empty()) return out;
  for (const auto& [size, cells] : classes_) {
    visit_class(size, cells, rect, [&](const Entry& e) { out.push_back(e.item); });
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::optional<std::uint32_t> SpatialIndex::any_in(const Rect& rect) const {
  std::optional<std::uint32_t> least;  // the least one: hash order must not decide a place
  if (rect.empty()) return least;
  for (const auto& [size, cells] : classes_) {
    visit_class(size, cells, rect, [&](const Entry& e) {
      if (!least || e.item < *least) least = e.item;
    });
  }
  return least;
}

}  // namespace pxos::infinite_map
