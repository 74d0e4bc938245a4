#include "pxvm/text/word_piece.hpp"

#include "pxvm/text/normalize.hpp"
#include "pxvm/text/spm.hpp"
#include "pxvm/text/utf8.hpp"

#include <string>

namespace pxos::text {
namespace {

constexpr TokenId kNone = -1;

}  // namespace

WordPieceModel::WordPieceModel(const Vocabulary& vocabulary) : vocabulary_(&vocabulary) {
  pieces_.reserve(vocabulary.tokens.size());
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    if (vocabulary.types[i] == TokenType::kNormal && !vocabulary.tokens[i].empty())
      pieces_.emplace(vocabulary.tokens[i], static_cast<TokenId>(i));
  }
}

Result<void> WordPieceModel::encode(std::string_view utf8, std::vector<TokenId>& out) const {
  std::size_t begin = 0;
  std::size_t at = 0;
  const auto end_word = [&]() -> Result<void> {
    return at > begin ? encode_word(utf8.substr(begin, at - begin), out) : Result<void>();
  };
  while (at < utf8.size()) {
    const Utf8Step step = utf8_step(utf8.substr(at));
    const CharacterClass kind = classify(step.code);
    if (kind != CharacterClass::kWord) {
      PX_CHECK(end_word());
      if (kind == CharacterClass::kAlone) PX_CHECK(encode_word(utf8.substr(at, step.length), out));
      begin = at + step.length;
    }
    at += step.length;
  }
  return end_word();
}

// At most kMaxWordCharacters^2 lookups. A half spelled word is taken back.
Result<void> WordPieceModel::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  const std::size_t before = out.size();
  std::string spelled(kSpmSpace);
  spelled += word;
  std::string_view rest = spelled;
  bool known = count_characters(word) <= kMaxWordCharacters;
  while (known && !rest.empty()) {
    std::size_t length = 0;
    const TokenId id = longest(rest, length);
    known = id != kNone;
    if (!known) break;
    out.push_back(id);
    rest.remove_prefix(length);
  }
  if (known) return {};
  out.resize(before);
  if (!vocabulary_->unk)
    return fail(Errc::kInvalid, "the vocabulary has no pieces for a word of {} bytes and no unk",
                word.size());
  out.push_back(*vocabulary_->unk);
  return {};
}

// The lone U+2581 is no piece of a word: it would leave its word without a start.
TokenId WordPieceModel::longest(std::string_view text, std::size_t& length) const {
  const std::size_t least = text.substr(0, kSpmSpace.size()) == kSpmSpace ? kSpmSpace.size() : 0;
  for (length = text.size(); length > least; --length) {
    const auto found = pieces_.find(text.substr(0, length));
    if (found != pieces_.end()) return found->second;
  }
  return kNone;
}

}  // namespace pxos::text
