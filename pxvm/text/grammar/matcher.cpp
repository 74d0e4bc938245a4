#include "pxvm/text/grammar/matcher.hpp"

#include <algorithm>
#include <utility>

namespace pxos::text {
namespace {

using Kind = GrammarElement::Kind;

/// Known situations are dropped beyond this many: 1 KiB each, and a mask.
constexpr std::size_t kMaxStates = 8192;
constexpr std::size_t kHardMaxStates = 65536;
constexpr std::size_t kMaxKnownStacks = std::size_t{1} << 22U;

}  // namespace

GrammarMatcher::GrammarMatcher(const Grammar& grammar, const TokenTrie& trie)
    : grammar_(&grammar), trie_(&trie), stacks_(1), states_(1) {
  state_ids_.emplace(std::vector<StackId>{}, kDead);
}

Result<GrammarMatcher> GrammarMatcher::create(const Grammar& grammar, const TokenTrie& trie) {
  GrammarMatcher matcher(grammar, trie);
  PX_TRY(matcher.now_, matcher.start());
  return matcher;
}

Result<GrammarMatcher::StateId> GrammarMatcher::start() {
  std::vector<StackId> open;
  for (const std::uint32_t first : grammar_->rules[grammar_->root]) open.push_back(push(first, 0));
  return close(std::move(open));
}

// The same symbol over the same rest is one stack.
GrammarMatcher::StackId GrammarMatcher::push(std::uint32_t element, StackId below) {
  // The end of an alternative is what is below: a rule that ends in a rule takes no room.
  if (grammar_->elements[element].kind == Kind::kEnd) return below;
  const std::uint64_t key = (std::uint64_t{element} << 32U) | below;
  const auto [entry, added] = stack_ids_.emplace(key, static_cast<StackId>(stacks_.size()));
  if (added) stacks_.push_back({element, below, stacks_[below].depth + 1});
  return entry->second;
}

// Rules on top are replaced by their alternatives until every stack begins with bytes. Left
// recursion is refused by the parser, so this ends.
Result<GrammarMatcher::StateId> GrammarMatcher::close(std::vector<StackId> open) {
  std::vector<StackId> closed;
  std::size_t seen = 0;
  ++round_;
  while (!open.empty()) {
    const StackId id = open.back();
    open.pop_back();
    seen_in_.resize(stacks_.size(), 0);
    if (std::exchange(seen_in_[id], round_) == round_) continue;
    if (++seen > kMaxStacks)
      return fail(Errc::kLimit, "grammar: more than {} ways to go on", kMaxStacks);
    const Stack top = stacks_[id];
    if (top.depth > kMaxDepth)
      return fail(Errc::kLimit, "grammar: rules nest deeper than {}", kMaxDepth);
    if (id == 0 || grammar_->elements[top.element].kind == Kind::kBytes) {
      closed.push_back(id);
      continue;
    }
    const StackId rest = push(top.element + 1, top.below);
    for (const std::uint32_t first : grammar_->rules[grammar_->elements[top.element].index])
      open.push_back(push(first, rest));
  }
  std::sort(closed.begin(), closed.end());
  const auto [entry, added] =
      state_ids_.emplace(std::move(closed), static_cast<StateId>(states_.size()));
  if (added) states_.push_back({entry->first, nullptr, {}});
  if (states_.size() > kHardMaxStates)
    return fail(Errc::kLimit, "grammar: more than {} situations in one step", kHardMaxStates);
  return entry->second;
}

Result<GrammarMatcher::StateId> GrammarMatcher::step(StateId state, std::uint8_t byte) {
  if (state == kDead) return kDead;
  if (!states_[state].next) {
    states_[state].next = std::make_unique<std::array<StateId, 256>>();
    states_[state].next->fill(kUnknown);
  }
  if ((*states_[state].next)[byte] != kUnknown) return (*states_[state].next)[byte];
  std::vector<StackId> open;
  for (const StackId id : states_[state].stacks) {
    if (id == 0) continue;
    const Stack& top = stacks_[id];
    if (grammar_->byte_sets[grammar_->elements[top.element].index].test(byte))
      open.push_back(push(top.element + 1, top.below));
  }
  PX_TRY(const StateId next, close(std::move(open)));
  (*states_[state].next)[byte] = next;
  return next;
}

// Only the situation the text is in is kept.
Result<void> GrammarMatcher::forget() {
  if (states_.size() <= kMaxStates && stacks_.size() <= kMaxKnownStacks) return {};
  GrammarMatcher fresh(*grammar_, *trie_);
  std::vector<StackId> open;
  for (StackId id : states_[now_].stacks) {
    std::vector<std::uint32_t> elements;
    for (; id != 0; id = stacks_[id].below) elements.push_back(stacks_[id].element);
    StackId copy = 0;
    for (auto e = elements.rbegin(); e != elements.rend(); ++e) copy = fresh.push(*e, copy);
    open.push_back(copy);
  }
  PX_TRY(fresh.now_, fresh.close(std::move(open)));
  *this = std::move(fresh);
  return {};
}

Result<void> GrammarMatcher::accept(std::string_view bytes) {
  PX_CHECK(forget());
  StateId state = now_;
  for (const char c : bytes) {
    PX_TRY(state, step(state, static_cast<std::uint8_t>(c)));
    if (state == kDead) return fail(Errc::kInvalid, "the grammar does not allow '{}' here", bytes);
  }
  now_ = state;
  return {};
}

bool GrammarMatcher::is_complete() const {
  const std::vector<StackId>& stacks = states_[now_].stacks;
  return !stacks.empty() && stacks.front() == 0;
}

Result<TokenMask> GrammarMatcher::mask() {
  PX_CHECK(forget());
  if (states_[now_].mask.empty()) PX_CHECK(compute_mask(now_));
  return TokenMask(states_[now_].mask);
}

// Depth-first over the trie; states[d] is the situation after d bytes of the path.
Result<void> GrammarMatcher::compute_mask(StateId state) {
  std::vector<std::uint64_t> mask((trie_->vocabulary_size() + 63) / 64, 0);
  bool any = false;
  const auto allow = [&](TokenId id) {
    mask[static_cast<std::size_t>(id) / 64] |= std::uint64_t{1}
                                               << (static_cast<unsigned>(id) % 64U);
    any = true;
  };
  std::vector<StateId> states(trie_->longest() + 1, kDead);
  states[0] = state;
  const auto nodes = trie_->nodes();
  for (std::size_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    PX_TRY(const StateId next, step(states[node.depth - 1U], node.byte));
    if (next == kDead) {
      i = node.skip;
      continue;
    }
    states[node.depth] = next;
    for (std::uint32_t t = node.first_token; t < node.last_token; ++t) allow(trie_->tokens()[t]);
    ++i;
  }
  if (is_complete()) std::for_each(trie_->ends().begin(), trie_->ends().end(), allow);
  if (!any)
    return fail(Errc::kInvalid, "grammar: no token of the vocabulary can go on here{}",
                is_complete() ? ", and it has none that ends a text" : "");
  states_[state].mask = std::move(mask);
  return {};
}

}  // namespace pxos::text
