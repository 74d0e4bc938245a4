#include "pxvm/text/grammar/token_trie.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace pxos::text {
namespace {

constexpr std::size_t kMaxTokenBytes = 65535;

std::size_t common_length(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

}  // namespace

// In the order of their bytes, each token shares a path with the one before it: the nodes above the
// part they share are closed, and the rest is new.
TokenTrie::TokenTrie(const Tokenizer& tokenizer)
    : vocabulary_size_(static_cast<std::size_t>(tokenizer.size())) {
  std::vector<std::pair<std::string, TokenId>> sorted;
  for (TokenId id = 0; id < tokenizer.size(); ++id) {
    if (tokenizer.is_end_of_generation(id)) ends_.push_back(id);
    std::string bytes = tokenizer.piece(id);
    if (!bytes.empty() && bytes.size() <= kMaxTokenBytes) sorted.emplace_back(std::move(bytes), id);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::uint32_t> path;  // open nodes, from depth 1
  const auto close_to = [&](std::size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].skip = static_cast<std::uint32_t>(nodes_.size());
  };
  std::string_view previous;
  for (const auto& [bytes, id] : sorted) {
    close_to(common_length(previous, bytes));
    for (std::size_t i = path.size(); i < bytes.size(); ++i) {
      path.push_back(static_cast<std::uint32_t>(nodes_.size()));
      const auto none = static_cast<std::uint32_t>(tokens_.size());
      nodes_.push_back(
          {0, none, none, static_cast<std::uint16_t>(i + 1), static_cast<std::uint8_t>(bytes[i])});
    }
    tokens_.push_back(id);
    nodes_[path.back()].last_token = static_cast<std::uint32_t>(tokens_.size());
    longest_ = std::max(longest_, bytes.size());
    previous = bytes;
  }
  close_to(0);
}

}  // namespace pxos::text
