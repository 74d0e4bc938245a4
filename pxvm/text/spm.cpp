#include "pxvm/text/spm.hpp"

#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace pxos::text {
namespace {

constexpr std::uint32_t kNoToken = 0xFFFFFFFF;
constexpr TokenId kNone = -1;

}  // namespace

// Up to three bytes for each byte of the input.
std::string escape_spaces(std::string_view utf8, bool prefix, bool collapse) {
  std::string out;
  if (collapse) {
    const std::size_t first = utf8.find_first_not_of(' ');
    if (first == std::string_view::npos) return out;
    utf8 = utf8.substr(first, utf8.find_last_not_of(' ') + 1 - first);
  }
  if (utf8.empty()) return out;
  out.reserve(utf8.size() + utf8.size() / 2 + kSpmSpace.size());
  if (prefix) out += kSpmSpace;
  char last = 0;
  for (const char c : utf8) {
    if (c != ' ') {
      out.push_back(c);
    } else if (!collapse || last != ' ') {
      out += kSpmSpace;
    }
    last = c;
  }
  return out;
}

std::uint8_t byte_token_value(std::string_view spelling) {
  std::uint8_t value = 0;
  std::from_chars(spelling.data() + 3, spelling.data() + 5, value, 16);
  return value;
}

SpmModel::SpmModel(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {
  byte_tokens_.fill(kNone);
  pieces_.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const std::string& token = vocabulary.tokens[i];
    const auto id = static_cast<TokenId>(i);
    const TokenType type = vocabulary.types[i];
    if (type == TokenType::kByte) {
      TokenId& slot = byte_tokens_[byte_token_value(token)];
      if (slot == kNone) slot = id;
    } else if ((type == TokenType::kNormal || type == TokenType::kUserDefined) && !token.empty()) {
      pieces_.emplace(token, id);
      longest_piece_ = std::max(longest_piece_, token.size());
    }
  }
}

Result<void> SpmModel::encode(std::string_view utf8, bool prefix, std::vector<TokenId>& out) const {
  const std::string text = escape_spaces(utf8, prefix, vocabulary_->collapse_spaces);
  PieceMerger merger;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_step(std::string_view(text).substr(at)).length;
    Piece piece{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length), 0};
    piece.symbol = find_piece(text, piece);
    merger.add(piece);
    at += length;
  }
  merger.run([&](const Piece& left, const Piece& right) -> std::optional<Joined> {
    const Piece both{left.begin, left.length + right.length, 0};
    const std::uint32_t id = find_piece(text, both);
    if (id == kNoToken) return std::nullopt;
    return Joined{-static_cast<double>(vocabulary_->scores[id]), id};
  });
  return emit(text, merger, out);
}

// The length check comes first: long stretches are never hashed, which keeps merging O(n log n).
std::uint32_t SpmModel::find_piece(std::string_view text, const Piece& piece) const {
  if (piece.length > longest_piece_) return kNoToken;
  const auto found = pieces_.find(text.substr(piece.begin, piece.length));
  return found == pieces_.end() ? kNoToken : static_cast<std::uint32_t>(found->second);
}

// What merging left is either a piece or a single character without one.
Result<void> SpmModel::emit(std::string_view text, const PieceMerger& merger,
                            std::vector<TokenId>& out) const {
  Result<void> done;
  bool after_unknown = false;
  merger.for_each([&](const Piece& piece) {
    if (!done) return;
    if (piece.symbol != kNoToken) {
      out.push_back(static_cast<TokenId>(piece.symbol));
      after_unknown = false;
      return;
    }
    const std::size_t before = out.size();
    done = append_fallback(text.substr(piece.begin, piece.length), out);
    // A run of unknown characters is one unk, as SentencePiece has it.
    const bool unknown =
        done && vocabulary_->unk && out.size() == before + 1 && out.back() == *vocabulary_->unk;
    if (unknown && after_unknown) out.pop_back();
    after_unknown = unknown;
  });
  return done;
}

// All bytes of the character or none: half of a character is no text.
Result<void> SpmModel::append_fallback(std::string_view character,
                                       std::vector<TokenId>& out) const {
  const auto token = [this](char c) { return byte_tokens_[static_cast<std::uint8_t>(c)]; };
  if (std::all_of(character.begin(), character.end(), [&](char c) { return token(c) != kNone; })) {
    for (const char c : character) out.push_back(token(c));
    return {};
  }
  if (!vocabulary_->unk)
    return fail(Errc::kInvalid, "the vocabulary has no token for '{}' and no unk", character);
  out.push_back(*vocabulary_->unk);
  return {};
}

}  // namespace pxos::text
