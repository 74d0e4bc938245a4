#include "infinite_map/spatial_index.hpp"

#include "pxvm/base/result.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace pxos::infinite_map {
namespace {

/// The coordinate m in (low, high) with the most trailing zero bits; none when high - low < 2. The
/// sign bit is turned so that the order of the bits is the order of the numbers.
std::optional<std::int64_t> roundest_between(std::int64_t low, std::int64_t high) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63U;
  const std::uint64_t a = static_cast<std::uint64_t>(low) ^ kSign;
  const std::uint64_t b = (static_cast<std::uint64_t>(high) ^ kSign) - 1;
  if (a >= b) return std::nullopt;
  // The first bit in which they differ: 0 in a, 1 in b.
  const auto shift = static_cast<unsigned>(std::bit_width(a ^ b)) - 1U;
  return static_cast<std::int64_t>(((b >> shift) << shift) ^ kSign);
}

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

/// Where a cell without an end on some side is cut: at 0, then at powers of two outwards, so that
/// there are at most 63 such cuts a side. `least` and `most` bound what the entries cover.
std::optional<std::int64_t> outward_between(std::int64_t first, std::int64_t last,
                                            std::int64_t least, std::int64_t most) {
  constexpr std::int64_t kFar = std::int64_t{1} << 62U;
  const auto power_above = [](std::int64_t v) {
    return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(v) + 1));
  };
  if (first == kLowest && last == kHighest) return 0;
  if (first >= 0 && least < kFar) return power_above(least);
  if (last <= 0 && most > -kFar) return -power_above(-most);
  return roundest_between(least, most);
}

}  // namespace

SpatialIndex::SpatialIndex() : nodes_(2) {}

/// A leaf takes a block when it has something to put there.
void SpatialIndex::take_block(std::uint32_t node) {
  if (free_blocks_.empty()) {
    free_blocks_.push_back(static_cast<std::uint32_t>(blocks_.size() / kLeafSize));
    blocks_.resize(blocks_.size() + kLeafSize);
  }
  nodes_[node].child = free_blocks_.back();
  free_blocks_.pop_back();
}

void SpatialIndex::free_block(const Node& leaf) {
  if (leaf.count > 0) free_blocks_.push_back(leaf.child);
}

/// Cuts depend on the cell, not on what came first: the order of insertion leaves no long branches.
SpatialIndex::Cut SpatialIndex::cut_along(Kind kind, std::span<const Entry> entries,
                                          const Cell& cell) {
  const bool is_x = kind == Kind::kCutX;
  const auto low = [is_x](const Entry& e) { return is_x ? e.rect.x : e.rect.y; };
  const auto high = [is_x](const Entry& e) { return is_x ? e.rect.right() : e.rect.bottom(); };
  const std::int64_t first = is_x ? cell.x0 : cell.y0;
  const std::int64_t last = is_x ? cell.x1 : cell.y1;
  std::int64_t least = last;
  std::int64_t most = first;
  for (const Entry& e : entries) {
    least = std::min(least, std::max(low(e), first));
    most = std::max(most, std::min(high(e), last));
  }
  const bool endless = first == kLowest || last == kHighest;
  const std::optional<std::int64_t> at =
      endless ? outward_between(first, last, least, most) : roundest_between(first, last);
  if (!at) return {kind, 0, 3 * entries.size()};
  std::size_t below = 0;
  std::size_t above = 0;
  for (const Entry& e : entries) {
    below += low(e) < *at ? 1U : 0U;
    above += high(e) > *at ? 1U : 0U;
  }
  return {kind, *at, below + above + std::max(below, above)};
}

// Splitting ends: the cells shrink, and rectangles that all reach over both cuts share a point. Of
// two cuts as good as each other the one across the longer side is taken.
SpatialIndex::Cut SpatialIndex::best_cut(std::span<const Entry> entries, const Cell& cell) {
  const Cut x = cut_along(Kind::kCutX, entries, cell);
  const Cut y = cut_along(Kind::kCutY, entries, cell);
  const auto side = [](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  };
  if (x.cost != y.cost) return x.cost < y.cost ? x : y;
  return side(cell.x0, cell.x1) >= side(cell.y0, cell.y1) ? x : y;
}

void SpatialIndex::split(std::uint32_t node, const Cell& cell, const Entry& extra) {
  std::array<Entry, kLeafSize + 1> entries;
  std::copy_n(entries_of(nodes_[node]), kLeafSize, entries.begin());
  entries.back() = extra;
  const Cut cut = best_cut(entries, cell);
  PX_ASSERT(cut.cost < 3 * entries.size());  // else they share a point
  free_block(nodes_[node]);
  if (free_pairs_.empty()) {
    free_pairs_.push_back(static_cast<std::uint32_t>(nodes_.size()));
    nodes_.resize(nodes_.size() + 2);
  }
  const std::uint32_t pair = free_pairs_.back();
  free_pairs_.pop_back();
  nodes_[pair] = nodes_[pair + 1] = Node();
  nodes_[node] = {cut.at, pair, cut.kind, 0};
  for (const Entry& e : entries) insert_into(node, cell, e);
}

void SpatialIndex::insert(const Rect& rect, std::uint32_t item) {
  insert_into(0, Cell(), {rect, item});
}

void SpatialIndex::insert_into(std::uint32_t node, const Cell& cell, const Entry& entry) {
  const Node here = nodes_[node];  // a copy: the vector may move below
  if (here.kind == Kind::kLeaf) {
    if (here.count == kLeafSize) return split(node, cell, entry);
    if (here.count == 0) take_block(node);
    entries_of(nodes_[node])[here.count] = entry;
    ++nodes_[node].count;
    return;
  }
  const bool is_x = here.kind == Kind::kCutX;
  const std::int64_t low = is_x ? entry.rect.x : entry.rect.y;
  const std::int64_t high = is_x ? entry.rect.right() : entry.rect.bottom();
  if (low < here.at) {
    Cell part = cell;
    (is_x ? part.x1 : part.y1) = here.at;
    insert_into(here.child, part, entry);
  }
  if (high > here.at) {
    Cell part = cell;
    (is_x ? part.x0 : part.y0) = here.at;
    insert_into(here.child + 1, part, entry);
  }
}

void SpatialIndex::erase(const Rect& rect, std::uint32_t item) {
  erase_from(0, rect, item);
}

void SpatialIndex::erase_from(std::uint32_t node, const Rect& rect, std::uint32_t item) {
  Node& here = nodes_[node];
  if (here.kind == Kind::kLeaf) {
    Entry* const first = entries_of(here);
    const Entry* const end =
        std::remove_if(first, first + here.count, [&](const Entry& e) { return e.item == item; });
    const bool emptied = here.count > 0 && end == first;
    if (emptied) free_block(here);
    here.count = static_cast<std::uint8_t>(end - first);
    return;
  }
  const bool is_x = here.kind == Kind::kCutX;
  if ((is_x ? rect.x : rect.y) < here.at) erase_from(here.child, rect, item);
  if ((is_x ? rect.right() : rect.bottom()) > here.at) erase_from(here.child + 1, rect, item);
  const auto has_room = [this](std::uint32_t child) {
    return nodes_[child].kind == Kind::kLeaf && nodes_[child].count <= kLeafSize / 4;
  };
  if (has_room(here.child) && has_room(here.child + 1)) merge(node);
}

/// Two leaves become one. A rectangle over the cut was listed in both.
void SpatialIndex::merge(std::uint32_t node) {
  const std::uint32_t pair = nodes_[node].child;
  const bool swap = nodes_[pair].count == 0;  // the one with a block keeps it
  Node merged = nodes_[swap ? pair + 1 : pair];
  const Node other = nodes_[swap ? pair : pair + 1];
  for (const Entry& e : std::span(entries_of(other), other.count)) {
    const std::span known(entries_of(merged), merged.count);
    const bool twice =
        std::any_of(known.begin(), known.end(), [&](const Entry& k) { return k.item == e.item; });
    if (!twice) entries_of(merged)[merged.count++] = e;
  }
  free_block(other);
  free_pairs_.push_back(pair);
  nodes_[node] = merged;
}

std::optional<std::uint32_t> SpatialIndex::at(Point point) const {
  const Node* node = nodes_.data();
  while (node->kind != Kind::kLeaf) {
    const std::int64_t coordinate = node->kind == Kind::kCutX ? point.x : point.y;
    node = nodes_.data() + node->child + (coordinate < node->at ? 0 : 1);
  }
  for (const Entry& e : std::span(entries_of(*node), node->count)) {
    if (e.rect.contains(point)) return e.item;
  }
  return std::nullopt;
}

/// Calls use(entry) for entries that overlap `rect`, some of them several times.
template <class Visit>
void SpatialIndex::visit(std::uint32_t node, const Rect& rect, Visit&& use) const {
  const Node& here = nodes_[node];
  if (here.kind == Kind::kLeaf) {
    for (const Entry& e : std::span(entries_of(here), here.count)) {
      if (e.rect.overlaps(rect)) use(e);
    }
    return;
  }
  const bool is_x = here.kind == Kind::kCutX;
  if ((is_x ? rect.x : rect.y) < here.at) visit(here.child, rect, use);
  if ((is_x ? rect.right() : rect.bottom()) > here.at) visit(here.child + 1, rect, use);
}

// A rectangle in several parts is met several times: sorted, then made unique.
std::vector<std::uint32_t> SpatialIndex::in(const Rect& rect) const {
  std::vector<std::uint32_t> out;
  if (rect.empty()) return out;
  visit(0, rect, [&](const Entry& e) { out.push_back(e.item); });
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::optional<std::uint32_t> SpatialIndex::any_in(const Rect& rect) const {
  std::optional<std::uint32_t> least;
  if (rect.empty()) return least;
  visit(0, rect, [&](const Entry& e) {
    if (!least || e.item < *least) least = e.item;
  });
  return least;
}

}  // namespace pxos::infinite_map
