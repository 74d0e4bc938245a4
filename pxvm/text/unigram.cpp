#include "pxvm/text/unigram.hpp"

#include "pxvm/text/spm.hpp"
#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <string>

namespace pxos::text {
namespace {

constexpr TokenId kNone = -1;
constexpr double kUnknownPenalty = 10.0;

std::uint64_t edge(std::uint32_t node, char byte) {
  return (std::uint64_t{node} << 8U) | static_cast<std::uint8_t>(byte);
}

}  // namespace

Result<UnigramModel> UnigramModel::create(const Vocabulary& vocabulary) {
  UnigramModel model(vocabulary);
  model.byte_tokens_.fill(kNone);
  double lowest = 0;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const std::string& token = vocabulary.tokens[i];
    const TokenType type = vocabulary.types[i];
    if (type == TokenType::kByte) {
      model.byte_tokens_[byte_token_value(token)] = static_cast<TokenId>(i);
    } else if ((type == TokenType::kNormal || type == TokenType::kUserDefined) && !token.empty()) {
      if (token.size() > kMaxPieceBytes)
        return fail(Errc::kLimit, "vocabulary: piece {} has {} bytes, at most {}", i, token.size(),
                    kMaxPieceBytes);
      lowest = std::min(lowest, static_cast<double>(vocabulary.scores[i]));
      model.insert(token, static_cast<TokenId>(i));
    }
  }
  model.unknown_score_ = lowest - kUnknownPenalty;
  if (!vocabulary.charsmap.empty()) {
    PX_TRY(model.charsmap_, Charsmap::parse(as_bytes(vocabulary.charsmap)));
  }
  return model;
}

void UnigramModel::insert(std::string_view piece, TokenId id) {
  std::uint32_t node = 0;
  for (const char c : piece) {
    const auto [child, added] =
        children_.emplace(edge(node, c), static_cast<std::uint32_t>(nodes_.size()));
    if (added) nodes_.push_back(kNone);
    node = child->second;
  }
  if (nodes_[node] == kNone) nodes_[node] = id;
}

// Viterbi from left to right: every offset is final when it is reached, because pieces only lead
// onwards. Equal sums keep the first way found (the longest last piece).
Result<void> UnigramModel::encode(std::string_view utf8, bool prefix,
                                  std::vector<TokenId>& out) const {
  const std::string mapped = charsmap_ ? charsmap_->apply(utf8) : std::string(utf8);
  const std::string text = escape_spaces(mapped, prefix, vocabulary_->collapse_spaces);
  if (text.empty()) return {};
  std::vector<Step> steps(text.size() + 1);
  steps[0].token = 0;
  for (std::size_t at = 0; at < text.size();) {
    advance(text, at, steps);
    at += utf8_step(std::string_view(text).substr(at)).length;
  }
  return emit(text, steps, out);
}

void UnigramModel::advance(std::string_view text, std::size_t at, std::vector<Step>& steps) const {
  const std::size_t character = utf8_step(text.substr(at)).length;
  const auto reach = [&](std::size_t end, double score, TokenId token) {
    Step& step = steps[end];
    const double sum = steps[at].score + score;
    if (step.token == kNone || sum > step.score)
      step = {sum, static_cast<std::uint32_t>(at), token};
  };
  bool has_character = false;
  std::uint32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto child = children_.find(edge(node, text[i]));
    if (child == children_.end()) break;
    node = child->second;
    const TokenId token = nodes_[node];
    if (token == kNone) continue;
    const bool user =
        vocabulary_->types[static_cast<std::size_t>(token)] == TokenType::kUserDefined;
    reach(i + 1,
          user ? 0.0 : static_cast<double>(vocabulary_->scores[static_cast<std::size_t>(token)]),
          token);
    has_character = has_character || i + 1 - at == character;
  }
  if (!has_character) reach(at + character, unknown_score_, kUnknown);
}

Result<void> UnigramModel::emit(std::string_view text, const std::vector<Step>& steps,
                                std::vector<TokenId>& out) const {
  std::vector<std::size_t> ends;
  for (std::size_t at = text.size(); at > 0; at = steps[at].from) ends.push_back(at);
  std::size_t begin = 0;
  std::size_t unknown_begin = 0;
  bool in_unknown = false;
  for (auto end = ends.rbegin(); end != ends.rend(); begin = *end++) {
    const TokenId token = steps[*end].token;
    if (token == kUnknown) {
      if (!in_unknown) unknown_begin = begin;
      in_unknown = true;
      continue;
    }
    if (in_unknown)
      PX_CHECK(append_unknown(text.substr(unknown_begin, begin - unknown_begin), out));
    in_unknown = false;
    out.push_back(token);
  }
  if (in_unknown) return append_unknown(text.substr(unknown_begin), out);
  return {};
}

// A run of unknown characters is one unk, or all of its bytes.
Result<void> UnigramModel::append_unknown(std::string_view text, std::vector<TokenId>& out) const {
  const auto token = [this](char c) { return byte_tokens_[static_cast<std::uint8_t>(c)]; };
  if (std::all_of(text.begin(), text.end(), [&](char c) { return token(c) != kNone; })) {
    for (const char c : text) out.push_back(token(c));
    return {};
  }
  if (!vocabulary_->unk)
    return fail(Errc::kInvalid, "the vocabulary has no piece for '{}' and no unk",
                text.substr(0, utf8_step(text).length));
  out.push_back(*vocabulary_->unk);
  return {};
}

}  // namespace pxos::text
