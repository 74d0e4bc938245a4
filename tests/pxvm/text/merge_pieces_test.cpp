#include "pxvm/text/merge_pieces.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

/// Symbols are powers of two in a row: equal neighbours join to the next power, at `cost(symbol)`.
template <class Cost>
std::vector<std::uint32_t> merge(std::uint32_t count, Cost cost) {
  PieceMerger merger;
  for (std::uint32_t i = 0; i < count; ++i) merger.add({i, 1, 1});
  merger.run([&](const Piece& a, const Piece& b) -> std::optional<Joined> {
    if (a.symbol != b.symbol) return std::nullopt;
    return Joined{cost(a.symbol), a.symbol * 2};
  });
  std::vector<std::uint32_t> out;
  merger.for_each([&](const Piece& piece) { out.push_back(piece.symbol); });
  return out;
}

}  // namespace

TEST_CASE("PieceMerger joins the cheapest pair first, the leftmost of equals", "[text]") {
  CHECK(merge(7, [](std::uint32_t s) { return double{1} * s; }) ==
        std::vector<std::uint32_t>{4, 2, 1});
  // Large joins first: the left is finished before the right is begun.
  CHECK(merge(7, [](std::uint32_t s) { return -double{1} * s; }) ==
        std::vector<std::uint32_t>{4, 2, 1});
  CHECK(merge(1, [](std::uint32_t) { return 0.0; }) == std::vector<std::uint32_t>{1});
  CHECK(merge(0, [](std::uint32_t) { return 0.0; }).empty());
}

TEST_CASE("PieceMerger agrees with joining one pair at a time", "[text]") {
  // Letters join when their values differ by one; the joined letter is the larger plus one.
  const auto join = [](std::uint32_t a, std::uint32_t b) -> std::optional<Joined> {
    if (a + 1 != b && b + 1 != a) return std::nullopt;
    return Joined{static_cast<double>((a * 7 + b * 3) % 5), std::max(a, b) + 1};
  };
  std::uint32_t state = 7;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::uint32_t> naive;
    PieceMerger merger;
    for (std::uint32_t i = 0; i < 24; ++i) {
      state = state * 1664525 + 1013904223;
      naive.push_back((state >> 24U) % 4);
      merger.add({i, 1, naive.back()});
    }
    while (true) {
      std::size_t best = naive.size();
      std::optional<Joined> chosen;
      for (std::size_t i = 0; i + 1 < naive.size(); ++i) {
        const auto joined = join(naive[i], naive[i + 1]);
        if (joined && (!chosen || joined->cost < chosen->cost)) {
          chosen = joined;
          best = i;
        }
      }
      if (!chosen) break;
      naive[best] = chosen->symbol;
      naive.erase(naive.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    merger.run([&](const Piece& a, const Piece& b) { return join(a.symbol, b.symbol); });
    std::vector<std::uint32_t> fast;
    std::uint32_t covered = 0;
    merger.for_each([&](const Piece& piece) {
      CHECK(piece.begin == covered);
      covered += piece.length;
      fast.push_back(piece.symbol);
    });
    CHECK(covered == 24);
    CHECK(fast == naive);
  }
}
