#include "pxvm/text/merge_pieces.hpp"

#include <algorithm>

namespace pxos::text {

void PieceMerger::add(Piece piece) {
  const std::int32_t index = size();
  if (index > 0) link(index - 1).next = index;
  links_.push_back({piece, index > 0 ? index - 1 : kNone, kNone});
}

// The heap keeps the offer that is `later` than none in front: cheapest, then leftmost.
bool PieceMerger::later(const Offer& a, const Offer& b) {
  if (a.cost != b.cost) return a.cost > b.cost;
  return a.left > b.left;
}

void PieceMerger::push(const Offer& offer) {
  queue_.push_back(offer);
  std::push_heap(queue_.begin(), queue_.end(), later);
}

PieceMerger::Offer PieceMerger::pop() {
  std::pop_heap(queue_.begin(), queue_.end(), later);
  const Offer best = queue_.back();
  queue_.pop_back();
  return best;
}

// An offer is stale when either piece was joined since: a joined right piece has length 0, a grown
// one changes the sum. Pieces never shrink otherwise, so equal sums mean untouched pieces.
bool PieceMerger::is_current(const Offer& offer) const {
  const Piece& left = link(offer.left).piece;
  const Piece& right = link(offer.right).piece;
  return left.length != 0 && right.length != 0 && left.length + right.length == offer.length;
}

void PieceMerger::merge(const Offer& offer) {
  Link& left = link(offer.left);
  Link& right = link(offer.right);
  left.piece.length = offer.length;
  left.piece.symbol = offer.symbol;
  left.next = right.next;
  if (right.next != kNone) link(right.next).previous = offer.left;
  right.piece.length = 0;
}

}  // namespace pxos::text
