#pragma once
// What has been said before, for the penalties: counts of recent tokens, and DRY's repeated
// sequences. Pure functions.

#include <cstdint>
#include <span>
#include <vector>

namespace pxos::text {

struct TokenCount {
  std::int32_t id = 0;
  std::uint32_t count = 0;
};

/// How often each token stands in `recent`; ascending by id.
[[nodiscard]] std::vector<TokenCount> count_tokens(std::span<const std::int32_t> recent);

/// A token that would go on with a repetition, and how many tokens are repeated already.
struct Repetition {
  std::int32_t id = 0;
  std::uint32_t length = 0;
};

/// For each place in `recent` whose tokens up to there are also its last ones: the token that came
/// next, with the length of that common part. Longest for each token, at least `least`; ascending
/// by id. No common part goes over a token of `breakers` (ascending), and none of them is named.
/// O(n) for n tokens and a sort of the result.
[[nodiscard]] std::vector<Repetition> find_repetitions(std::span<const std::int32_t> recent,
                                                       std::span<const std::int32_t> breakers,
                                                       std::uint32_t least);

}  // namespace pxos::text
