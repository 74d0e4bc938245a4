#include "pxvm/text/repetition.hpp"

#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

using namespace pxos::text;

namespace {

using Lengths = std::map<std::int32_t, std::uint32_t>;

Lengths lengths(const std::vector<std::int32_t>& recent, const std::vector<std::int32_t>& breakers,
                std::uint32_t least) {
  Lengths out;
  for (const Repetition& r : find_repetitions(recent, breakers, least)) out[r.id] = r.length;
  return out;
}

/// The same by comparing every place with the end.
Lengths by_comparing(const std::vector<std::int32_t>& recent,
                     const std::vector<std::int32_t>& breakers, std::uint32_t least) {
  const auto breaks = [&](std::int32_t id) {
    return std::find(breakers.begin(), breakers.end(), id) != breakers.end();
  };
  Lengths out;
  for (std::size_t next = 1; next < recent.size(); ++next) {
    std::uint32_t n = 0;
    while (n < next && recent[next - 1 - n] == recent[recent.size() - 1 - n] &&
           !breaks(recent[next - 1 - n]))
      ++n;
    if (n >= std::max(least, 1U) && !breaks(recent[next]))
      out[recent[next]] = std::max(out[recent[next]], n);
  }
  return out;
}

}  // namespace

TEST_CASE("tokens are counted in ascending order", "[text]") {
  const auto counted = count_tokens(std::vector<std::int32_t>{5, 1, 5, 5});
  REQUIRE(counted.size() == 2);
  CHECK((counted[0].id == 1 && counted[0].count == 1));
  CHECK((counted[1].id == 5 && counted[1].count == 3));
}

TEST_CASE("repetitions equal those found by comparing every place", "[text]") {
  std::uint32_t state = 1;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::int32_t> recent;
    for (int i = 0; i < 30; ++i) {
      state = state * 1664525U + 1013904223U;
      recent.push_back(static_cast<std::int32_t>(state >> 30U));
    }
    CHECK(lengths(recent, {}, 2) == by_comparing(recent, {}, 2));
    CHECK(lengths(recent, {3}, 1) == by_comparing(recent, {3}, 1));
  }
}

TEST_CASE("a long repetition is found in one pass", "[text]") {
  const std::vector<std::int32_t> same(60000, 7);
  CHECK(lengths(same, {}, 2) == Lengths{{7, 59999}});
  CHECK(lengths({}, {}, 2).empty());
}
