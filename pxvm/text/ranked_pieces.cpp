#include "pxvm/text/ranked_pieces.hpp"

#include "pxvm/text/spm.hpp"
#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <optional>

namespace pxos::text {
namespace {

constexpr TokenId kNone = -1;
/// Symbol of a character without a token: no merge has it.
constexpr std::uint32_t kNoSymbol = 0xFFFFFFFF;

}  // namespace

RankedPiecesModel::RankedPiecesModel(const Vocabulary& vocabulary)
    : vocabulary_(&vocabulary), merges_(vocabulary.merges.size()) {
  byte_tokens_.fill(kNone);
  pieces_.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const TokenType type = vocabulary.types[i];
    const auto id = static_cast<TokenId>(i);
    if (type == TokenType::kByte) {
      byte_tokens_[byte_token_value(vocabulary.tokens[i])] = id;
    } else if (type == TokenType::kNormal || type == TokenType::kUserDefined) {
      pieces_.emplace(vocabulary.tokens[i], id);
    }
  }
}

// A symbol is the id of a token: Hugging Face asks of every merge that its three parts are tokens.
Result<RankedPiecesModel> RankedPiecesModel::create(const Vocabulary& vocabulary) {
  RankedPiecesModel model(vocabulary);
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const std::string_view merge = vocabulary.merges[rank];
    const std::size_t space = merge.find(' ', 1);
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = merge.substr(space + 1);
    const auto a = model.pieces_.find(left);
    const auto b = model.pieces_.find(right);
    const std::string both = std::string(left).append(right);
    const auto joined = model.pieces_.find(both);
    const auto none = model.pieces_.end();
    if (a == none || b == none || joined == none)
      return fail(Errc::kInvalid, "vocabulary: merge {} \"{}\" joins what are no tokens", rank,
                  merge);
    model.merges_.insert(
        static_cast<std::uint32_t>(a->second), static_cast<std::uint32_t>(b->second),
        {static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(joined->second)});
  }
  return model;
}

// Cut into words, each starts with its space.
Result<void> RankedPiecesModel::encode(std::string_view utf8, bool prefix,
                                       std::vector<TokenId>& out) const {
  const std::string text = escape_spaces(utf8, prefix, vocabulary_->collapse_spaces);
  PieceMerger merger;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t length = rest.size();
    if (vocabulary_->split_words)
      length = std::min(length, rest.find(kSpmSpace, rest.starts_with(kSpmSpace) ? 1 : 0));
    PX_CHECK(encode_word(rest.substr(0, length), merger, out));
    rest.remove_prefix(length);
  }
  return {};
}

Result<void> RankedPiecesModel::encode_word(std::string_view word, PieceMerger& merger,
                                            std::vector<TokenId>& out) const {
  if (vocabulary_->whole_words_first) {
    if (const auto found = pieces_.find(word); found != pieces_.end()) {
      out.push_back(found->second);
      return {};
    }
  }
  merger.clear();
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = utf8_step(word.substr(at)).length;
    const auto found = pieces_.find(word.substr(at, length));
    merger.add({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length),
                found == pieces_.end() ? kNoSymbol : static_cast<std::uint32_t>(found->second)});
    at += length;
  }
  merger.run([this](const Piece& left, const Piece& right) -> std::optional<Joined> {
    const MergeTable::Rule* const rule = merges_.find(left.symbol, right.symbol);
    if (rule == nullptr) return std::nullopt;
    return Joined{static_cast<double>(rule->rank), rule->symbol};
  });
  Result<void> done;
  bool after_unknown = false;
  merger.for_each([&](const Piece& piece) {
    if (!done) return;
    const bool unknown = piece.symbol == kNoSymbol;
    if (unknown) {
      done = append_fallback(word.substr(piece.begin, piece.length), after_unknown, out);
    } else {
      out.push_back(static_cast<TokenId>(piece.symbol));
    }
    after_unknown = unknown;
  });
  return done;
}

// All bytes of the character, or one unk for a run of such characters.
Result<void> RankedPiecesModel::append_fallback(std::string_view character, bool after_unknown,
                                                std::vector<TokenId>& out) const {
  const auto token = [this](char c) { return byte_tokens_[static_cast<std::uint8_t>(c)]; };
  if (std::all_of(character.begin(), character.end(), [&](char c) { return token(c) != kNone; })) {
    for (const char c : character) out.push_back(token(c));
    return {};
  }
  if (!vocabulary_->unk)
    return fail(Errc::kInvalid, "the vocabulary has no token for '{}' and no unk", character);
  const bool joins = after_unknown && !out.empty() && out.back() == *vocabulary_->unk;
  if (!joins) out.push_back(*vocabulary_->unk);
  return {};
}

}  // namespace pxos::text
