#pragma once
// The engine both tokenizer models share: adjacent pieces of a text are joined, cheapest pair first
// (ties: leftmost), until no pair can be joined. O(n log n) for n pieces: every join queues at most
// two new pairs, and pairs whose pieces have changed since are recognised and dropped. The buffers
// live in the object so that a text of many words allocates once. Not thread-safe.

#include <cstdint>
#include <optional>
#include <vector>

namespace pxos::text {

/// A stretch of the text: bytes [begin, begin + length). Length 0: joined into its left neighbour.
struct Piece {
  std::uint32_t begin = 0;
  std::uint32_t length = 0;
  std::uint32_t symbol = 0;  ///< meaning is the model's
};

/// What joining two neighbours would cost (lower is earlier) and give.
struct Joined {
  double cost = 0;
  std::uint32_t symbol = 0;
};

class PieceMerger {
 public:
  void clear() { links_.clear(); }
  void add(Piece piece);

  /// Join: std::optional<Joined>(const Piece& left, const Piece& right), a pure function.
  template <class Join>
  void run(const Join& join) {
    queue_.clear();
    for (std::int32_t i = 0; i + 1 < size(); ++i) offer(join, i, i + 1);
    while (!queue_.empty()) {
      const Offer best = pop();
      if (!is_current(best)) continue;
      merge(best);
      offer(join, link(best.left).previous, best.left);
      offer(join, best.left, link(best.left).next);
    }
  }

  /// Calls visit(piece) for what is left, front to back.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::int32_t i = size() == 0 ? kNone : 0; i != kNone; i = link(i).next)
      visit(link(i).piece);
  }

 private:
  static constexpr std::int32_t kNone = -1;
  struct Link {
    Piece piece;
    std::int32_t previous = kNone;
    std::int32_t next = kNone;
  };
  struct Offer {
    double cost;
    std::int32_t left;
    std::int32_t right;
    std::uint32_t
        length;  ///< of both together when offered: pieces only grow, so it dates the offer
    std::uint32_t symbol;
  };

  [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(links_.size()); }
  [[nodiscard]] Link& link(std::int32_t i) { return links_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] const Link& link(std::int32_t i) const {
    return links_[static_cast<std::size_t>(i)];
  }

  template <class Join>
  void offer(const Join& join, std::int32_t left, std::int32_t right) {
    if (left == kNone || right == kNone) return;
    const Piece& a = link(left).piece;
    const Piece& b = link(right).piece;
    const std::optional<Joined> joined = join(a, b);
    if (joined) push({joined->cost, left, right, a.length + b.length, joined->symbol});
  }

  static bool later(const Offer& a, const Offer& b);
  void push(const Offer& offer);
  Offer pop();
  [[nodiscard]] bool is_current(const Offer& offer) const;
  void merge(const Offer& offer);

  std::vector<Link> links_;
  std::vector<Offer> queue_;  ///< binary heap, cheapest in front
};

}  // namespace pxos::text
