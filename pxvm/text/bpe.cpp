#include "pxvm/text/bpe.hpp"

#include "pxvm/text/utf8.hpp"

#include <bit>
#include <utility>

namespace pxos::text {
namespace {

constexpr TokenId kNone = -1;

/// Bytes that are their own letter: the printable ones of Latin-1 without space and soft hyphen.
constexpr bool is_plain(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/// Letter of each byte: itself, or U+0100 onward in byte order for the rest.
constexpr auto kLetters = [] {
  std::array<char32_t, 256> letters{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    letters[byte] = is_plain(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return letters;
}();

/// Bytes without a letter of their own, in order: what U+0100 onward stand for.
constexpr auto kShifted = [] {
  std::array<std::uint8_t, 68> bytes{};
  std::size_t count = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (!is_plain(byte)) bytes[count++] = static_cast<std::uint8_t>(byte);
  }
  return bytes;
}();
static_assert(kLetters[0xAD] == 0x100 + kShifted.size() - 1);

// Bytes in the alphabet that vocabularies are written in.
std::string spell(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) append_utf8(out, byte_to_letter(static_cast<std::uint8_t>(c)));
  return out;
}

}  // namespace

char32_t byte_to_letter(std::uint8_t byte) {
  return kLetters[byte];
}

std::optional<std::uint8_t> letter_to_byte(char32_t letter) {
  if (letter < 0x100) {
    const auto byte = static_cast<std::uint8_t>(letter);
    return is_plain(byte) ? std::optional(byte) : std::nullopt;
  }
  if (letter - 0x100 < kShifted.size()) return kShifted[letter - 0x100];
  return std::nullopt;
}

MergeTable::MergeTable(std::size_t rules) : slots_(std::bit_ceil(2 * rules + 2)) {}

std::size_t MergeTable::probe(std::uint64_t key) const {
  // The multiplier is 2^64 / golden ratio (Fibonacci hashing); the high bits are the mixed ones.
  const std::size_t mask = slots_.size() - 1;
  auto index = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> 32U) & mask;
  while (slots_[index].key != kEmpty && slots_[index].key != key) index = (index + 1) & mask;
  return index;
}

void MergeTable::insert(std::uint32_t left, std::uint32_t right, Rule rule) {
  const std::uint64_t key = (std::uint64_t{left} << 32U) | right;
  Slot& slot = slots_[probe(key)];
  if (slot.key == kEmpty) slot = {key, rule};
}

const MergeTable::Rule* MergeTable::find(std::uint32_t left, std::uint32_t right) const {
  const Slot& slot = slots_[probe((std::uint64_t{left} << 32U) | right)];
  return slot.key == kEmpty ? nullptr : &slot.rule;
}

Result<BpeModel> BpeModel::create(const Vocabulary& vocabulary) {
  PX_TRY(PreTokenizer pre_tokenizer, PreTokenizer::create(vocabulary.pre));
  return BpeModel(vocabulary, std::move(pre_tokenizer));
}

BpeModel::BpeModel(const Vocabulary& vocabulary, PreTokenizer pre_tokenizer)
    : vocabulary_(&vocabulary),
      pre_tokenizer_(std::move(pre_tokenizer)),
      merges_(vocabulary.merges.size()) {
  symbols_.reserve(vocabulary.tokens.size() + 256);
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const TokenType type = vocabulary.types[i];
    // Control tokens are not spelled by text; the lowest id of a spelling wins.
    if (type != TokenType::kNormal && type != TokenType::kUserDefined) continue;
    const std::uint32_t symbol = intern(vocabulary.tokens[i]);
    if (tokens_[symbol] == kNone) tokens_[symbol] = static_cast<TokenId>(i);
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char raw = static_cast<char>(byte);
    byte_symbols_[byte] = intern_owned(spell({&raw, 1}));
  }
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const std::string_view merge = vocabulary.merges[rank];
    const std::size_t space = merge.find(' ', 1);
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = merge.substr(space + 1);
    const std::uint32_t joined = intern_owned(std::string(left).append(right));
    merges_.insert(intern(left), intern(right), {static_cast<std::uint32_t>(rank), joined});
  }
}

// The symbol of `spelling`, made if it is new. Requires: the characters outlive the model (they are
// the vocabulary's or owned_'s).
std::uint32_t BpeModel::intern(std::string_view spelling) {
  const auto [entry, added] =
      symbols_.emplace(spelling, static_cast<std::uint32_t>(tokens_.size()));
  if (added) tokens_.push_back(kNone);
  return entry->second;
}

std::uint32_t BpeModel::intern_owned(std::string spelling) {
  const auto found = symbols_.find(spelling);
  if (found != symbols_.end()) return found->second;
  return intern(owned_.emplace_back(std::move(spelling)));
}

// One merger serves all words, so a text costs a few allocations, not a few for each word.
Result<void> BpeModel::encode(std::string_view utf8, std::vector<TokenId>& out) const {
  PX_TRY(const std::vector<Word> words, pre_tokenizer_.split(utf8));
  PieceMerger merger;
  for (const Word& word : words) {
    PX_CHECK(encode_word(utf8.substr(word.begin, word.end - word.begin), merger, out));
  }
  return {};
}

// Merging works on symbols only; no spelling is built or hashed for a word.
Result<void> BpeModel::encode_word(std::string_view word, PieceMerger& merger,
                                   std::vector<TokenId>& out) const {
  if (vocabulary_->whole_words_first || pre_tokenizer_.whole_words_first()) {
    const auto found = symbols_.find(spell(word));
    if (found != symbols_.end() && tokens_[found->second] != kNone) {
      out.push_back(tokens_[found->second]);
      return {};
    }
  }
  merger.clear();
  for (std::uint32_t i = 0; i < word.size(); ++i) {
    merger.add({i, 1, byte_symbols_[static_cast<std::uint8_t>(word[i])]});
  }
  merger.run([this](const Piece& left, const Piece& right) -> std::optional<Joined> {
    const MergeTable::Rule* const rule = merges_.find(left.symbol, right.symbol);
    if (rule == nullptr) return std::nullopt;
    return Joined{static_cast<double>(rule->rank), rule->symbol};
  });
  Result<void> done;
  merger.for_each([&](const Piece& piece) {
    if (done) done = append_symbol(piece.symbol, word.substr(piece.begin, piece.length), out);
  });
  return done;
}

Result<void> BpeModel::append_symbol(std::uint32_t symbol, std::string_view bytes,
                                     std::vector<TokenId>& out) const {
  if (tokens_[symbol] != kNone) {
    out.push_back(tokens_[symbol]);
    return {};
  }
  // A merge may make what the vocabulary lacks: then its bytes are spelled one by one.
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    const TokenId token = tokens_[byte_symbols_[byte]];
    if (token == kNone && !vocabulary_->unk)
      return fail(Errc::kInvalid, "the vocabulary has no token for byte {:#04x} and no unk", byte);
    out.push_back(token == kNone ? *vocabulary_->unk : token);
  }
  return {};
}

}  // namespace pxos::text
