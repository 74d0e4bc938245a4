#include "pxvm/text/repetition.hpp"

#include <algorithm>

namespace pxos::text {
namespace {

/// z[k] = length of the longest common beginning of s and s[k..] (the Z algorithm, O(n)).
std::vector<std::size_t> common_beginnings(const std::vector<std::int32_t>& s) {
  std::vector<std::size_t> z(s.size(), 0);
  std::size_t left = 0;
  std::size_t right = 0;  // s[left, right) equals s[0, right - left)
  for (std::size_t k = 1; k < s.size(); ++k) {
    std::size_t length = k < right ? std::min(right - k, z[k - left]) : 0;
    while (k + length < s.size() && s[length] == s[k + length]) ++length;
    z[k] = length;
    if (k + length > right) {
      left = k;
      right = k + length;
    }
  }
  return z;
}

}  // namespace

std::vector<TokenCount> count_tokens(std::span<const std::int32_t> recent) {
  std::vector<std::int32_t> sorted(recent.begin(), recent.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<TokenCount> out;
  for (const std::int32_t id : sorted) {
    if (out.empty() || out.back().id != id) out.push_back({id, 0});
    ++out.back().count;
  }
  return out;
}

// Reversed, "the last tokens" are a beginning, and a common part is a common beginning.
std::vector<Repetition> find_repetitions(std::span<const std::int32_t> recent,
                                         std::span<const std::int32_t> breakers,
                                         std::uint32_t least) {
  const std::vector<std::int32_t> reversed(recent.rbegin(), recent.rend());
  const auto breaks = [&](std::int32_t id) {
    return std::binary_search(breakers.begin(), breakers.end(), id);
  };
  const auto unbroken = static_cast<std::size_t>(
      std::find_if(reversed.begin(), reversed.end(), breaks) - reversed.begin());
  std::vector<Repetition> out;
  if (unbroken < std::max<std::size_t>(least, 1)) return out;
  const std::vector<std::size_t> z = common_beginnings(reversed);
  for (std::size_t k = 1; k < z.size(); ++k) {
    const std::size_t length = std::min(z[k], unbroken);
    if (length < std::max<std::size_t>(least, 1) || breaks(reversed[k - 1])) continue;
    out.push_back({reversed[k - 1], static_cast<std::uint32_t>(length)});
  }
  // Longest first within a token, so that unique keeps it.
  std::sort(out.begin(), out.end(), [](const Repetition& a, const Repetition& b) {
    return a.id != b.id ? a.id < b.id : a.length > b.length;
  });
  const auto same = [](const Repetition& a, const Repetition& b) { return a.id == b.id; };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  return out;
}

}  // namespace pxos::text
