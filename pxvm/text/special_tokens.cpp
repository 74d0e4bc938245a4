#include "pxvm/text/special_tokens.hpp"

#include <algorithm>

namespace pxos::text {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\v\f";

/// Bytes of white space at the end of `text`.
std::size_t spaces_before(std::string_view text) {
  const std::size_t last = text.find_last_not_of(kSpaces);
  return last == std::string_view::npos ? text.size() : text.size() - 1 - last;
}

std::size_t spaces_after(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpaces);
  return first == std::string_view::npos ? text.size() : first;
}

bool contains(const std::vector<TokenId>& sorted, TokenId id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

}  // namespace

Result<SpecialTokens> SpecialTokens::create(const Vocabulary& vocabulary) {
  SpecialTokens special;
  special.strip_left_ = vocabulary.strip_left;
  special.strip_right_ = vocabulary.strip_right;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const TokenType type = vocabulary.types[i];
    const bool control = type == TokenType::kControl || type == TokenType::kUnknown;
    const std::string& spelling = vocabulary.tokens[i];
    if ((!control && type != TokenType::kUserDefined) || spelling.empty()) continue;
    if (spelling.size() > kMaxBytes)
      return fail(Errc::kLimit, "vocabulary: special token {} has {} bytes, at most {}", i,
                  spelling.size(), kMaxBytes);
    special.insert(spelling, static_cast<TokenId>(i), control);
  }
  return special;
}

// One trie for both kinds: a node knows a plain and a control token, and split() chooses which
// count.
void SpecialTokens::insert(std::string_view spelling, TokenId id, bool control) {
  starts_[static_cast<std::uint8_t>(spelling[0])] = true;
  std::uint32_t node = 0;
  for (const char c : spelling) {
    const std::uint64_t key = (std::uint64_t{node} << 8U) | static_cast<std::uint8_t>(c);
    const auto [child, added] = children_.emplace(key, static_cast<std::uint32_t>(nodes_.size()));
    if (added) nodes_.emplace_back();
    node = child->second;
  }
  TokenId& slot = control ? nodes_[node].control : nodes_[node].plain;
  if (slot == -1) slot = id;
}

// Walks at most kMaxBytes levels, so a text costs O(n) whatever the vocabulary.
SpecialTokens::Match SpecialTokens::longest_at(std::string_view text, bool control) const {
  Match best;
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint64_t key = (std::uint64_t{node} << 8U) | static_cast<std::uint8_t>(text[i]);
    const auto child = children_.find(key);
    if (child == children_.end()) break;
    node = child->second;
    const TokenId token =
        control && nodes_[node].control != -1 ? nodes_[node].control : nodes_[node].plain;
    if (token != -1) best = {token, i + 1};
  }
  return best;
}

// Most bytes start no special token: starts_ skips them without a lookup.
std::vector<Fragment> SpecialTokens::split(std::string_view text, bool control) const {
  std::vector<Fragment> fragments;
  std::size_t plain = 0;
  for (std::size_t at = 0; at < text.size();) {
    Match match;
    if (starts_[static_cast<std::uint8_t>(text[at])]) match = longest_at(text.substr(at), control);
    if (match.length == 0) {
      ++at;
      continue;
    }
    std::string_view before = text.substr(plain, at - plain);
    if (contains(strip_left_, match.token)) before.remove_suffix(spaces_before(before));
    if (!before.empty()) fragments.push_back({before, std::nullopt});
    fragments.push_back({text.substr(at, match.length), match.token});
    at += match.length;
    if (contains(strip_right_, match.token)) at += spaces_after(text.substr(at));
    plain = at;
  }
  if (plain < text.size()) fragments.push_back({text.substr(plain), std::nullopt});
  return fragments;
}

}  // namespace pxos::text
