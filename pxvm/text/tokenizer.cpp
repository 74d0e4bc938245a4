#include "pxvm/text/tokenizer.hpp"

#include "pxvm/text/bpe.hpp"
#include "pxvm/text/normalize.hpp"
#include "pxvm/text/ranked_pieces.hpp"
#include "pxvm/text/special_tokens.hpp"
#include "pxvm/text/spm.hpp"
#include "pxvm/text/unigram.hpp"
#include "pxvm/text/utf8.hpp"
#include "pxvm/text/word_piece.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>
#include <variant>

namespace pxos::text {
namespace {

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{64} << 20U;
/// What SentencePiece prints for the unknown token.
constexpr std::string_view kUnknownSurface = " \xE2\x81\x87 ";

/// Spellings of control tokens that end a turn or a text, in the model families seen so far.
constexpr std::array<std::string_view, 12> kEndSpellings = {
    "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>",
    "<end_of_turn>", "<EOT>",           "< EOT >",    "_<EOT>",     "</s>",       "<|end_of_turn|>",
};

std::string unescape_spaces(std::string_view piece) {
  std::string out;
  for (std::size_t at = 0; at < piece.size();) {
    const bool space = piece.substr(at, kSpmSpace.size()) == kSpmSpace;
    out.push_back(space ? ' ' : piece[at]);
    at += space ? kSpmSpace.size() : 1;
  }
  return out;
}

/// The bytes a byte-level token spells; characters outside the alphabet stand for themselves.
std::string unspell(std::string_view piece) {
  std::string out;
  while (!piece.empty()) {
    const Utf8Step step = utf8_step(piece);
    const auto byte = letter_to_byte(step.code);
    if (step.kind == Utf8Step::Kind::kCharacter && byte) {
      out.push_back(static_cast<char>(*byte));
    } else {
      out.append(piece.substr(0, step.length));
    }
    piece.remove_prefix(step.length);
  }
  return out;
}

using Model = std::variant<std::monostate, SpmModel, BpeModel, WordPieceModel, UnigramModel,
                           RankedPiecesModel>;

/// The model keeps references into `vocabulary`.
Result<Model> make_model(const Vocabulary& vocabulary) {
  switch (vocabulary.model) {
    case Vocabulary::Model::kSpm:
      return Model(std::in_place_type<SpmModel>, vocabulary);
    case Vocabulary::Model::kWordPiece:
      return Model(std::in_place_type<WordPieceModel>, vocabulary);
    case Vocabulary::Model::kUnigram: {
      PX_TRY(UnigramModel unigram, UnigramModel::create(vocabulary));
      return Model(std::move(unigram));
    }
    case Vocabulary::Model::kRankedPieces: {
      PX_TRY(RankedPiecesModel ranked, RankedPiecesModel::create(vocabulary));
      return Model(std::move(ranked));
    }
    case Vocabulary::Model::kBpe:
      break;
  }
  PX_TRY(BpeModel bpe, BpeModel::create(vocabulary));
  return Model(std::move(bpe));
}

/// One call for models with and without a space prefix.
struct EncodePlain {
  std::string_view text;
  bool prefix;
  std::vector<TokenId>& out;
  Result<void> operator()(const std::monostate& /*none*/) const { return {}; }
  Result<void> operator()(const BpeModel& model) const { return model.encode(text, out); }
  Result<void> operator()(const WordPieceModel& model) const { return model.encode(text, out); }
  template <class Pieces>
  Result<void> operator()(const Pieces& model) const {
    return model.encode(text, prefix, out);
  }
};

}  // namespace

struct Tokenizer::Impl {
  Vocabulary vocabulary;  // first: the others keep references into it
  Model model;
  std::optional<SpecialTokens> special;
  std::unordered_map<std::string_view, TokenId> ids;
  std::vector<TokenId> ends;  ///< sorted

  explicit Impl(Vocabulary v) : vocabulary(std::move(v)) {}

  // Ids by spelling, and the ids that end a generation: what the file names, and control tokens
  // with a familiar spelling, because many files name only one of several (Llama 3, SmolLM).
  void index() {
    ids.reserve(vocabulary.tokens.size());
    for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
      ids.emplace(vocabulary.tokens[i], static_cast<TokenId>(i));
    }
    for (const std::optional<TokenId> id : {vocabulary.eos, vocabulary.eot}) {
      if (id) ends.push_back(*id);
    }
    for (const std::string_view spelling : kEndSpellings) {
      const auto found = ids.find(spelling);
      if (found != ids.end() && type(found->second) == TokenType::kControl)
        ends.push_back(found->second);
    }
    std::sort(ends.begin(), ends.end());
  }

  [[nodiscard]] bool contains(TokenId id) const {
    return id >= 0 && static_cast<std::size_t>(id) < vocabulary.tokens.size();
  }
  [[nodiscard]] TokenType type(TokenId id) const {
    return vocabulary.types[static_cast<std::size_t>(id)];
  }
  /// Whether U+2581 in a token's spelling is a space (else GGUF's byte alphabet is used).
  [[nodiscard]] bool has_space_sign() const { return vocabulary.model != Vocabulary::Model::kBpe; }

  Result<void> encode_plain(std::string_view text, bool prefix, std::vector<TokenId>& out) const {
    const bool has_space = text.starts_with(' ') && !vocabulary.collapse_spaces;
    prefix = prefix && !(vocabulary.prefix_unless_space && has_space);
    if (vocabulary.normalization == Normalization::kNone)
      return std::visit(EncodePlain{text, prefix, out}, model);
    PX_TRY(const std::string normalized, normalize(text, vocabulary.normalization));
    return std::visit(EncodePlain{normalized, prefix, out}, model);
  }

  // The prefix belongs to the start of a text and, as the models were trained, to what follows a
  // special token; BPE has none.
  Result<void> encode(std::string_view text, bool control, std::vector<TokenId>& out) const {
    bool prefix = vocabulary.add_space_prefix;
    for (const Fragment& fragment : special->split(text, control)) {
      if (fragment.token) {
        out.push_back(*fragment.token);
      } else {
        PX_CHECK(encode_plain(fragment.text, prefix, out));
      }
      // As after the start of the text, so after a special token.
      prefix = vocabulary.add_space_prefix && !vocabulary.prefix_at_start_only &&
               fragment.token.has_value();
    }
    return {};
  }
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::create(Vocabulary vocabulary) {
  PX_CHECK(validate(vocabulary));
  auto impl = std::make_unique<Impl>(std::move(vocabulary));
  PX_TRY(impl->special, SpecialTokens::create(impl->vocabulary));
  PX_TRY(impl->model, make_model(impl->vocabulary));
  impl->index();
  return Tokenizer(std::move(impl));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view utf8, EncodeOptions options) const {
  if (utf8.size() > kMaxTextBytes)
    return fail(Errc::kLimit, "text of {} bytes, at most {}", utf8.size(), kMaxTextBytes);
  const Vocabulary& v = impl_->vocabulary;
  std::vector<TokenId> out;
  if (options.add_special && v.add_bos) out.push_back(*v.bos);
  if (is_utf8(utf8)) {
    PX_CHECK(impl_->encode(utf8, options.parse_special, out));
  } else {
    PX_CHECK(impl_->encode(to_valid_utf8(utf8), options.parse_special, out));
  }
  if (options.add_special && v.add_eos) out.push_back(*v.eos);
  return out;
}

std::string Tokenizer::piece(TokenId id, bool show_control) const {
  if (!impl_->contains(id)) return {};
  const std::string& spelling = impl_->vocabulary.tokens[static_cast<std::size_t>(id)];
  switch (impl_->type(id)) {
    case TokenType::kControl:
      return show_control ? spelling : std::string();
    case TokenType::kUnknown:
      return show_control ? spelling : std::string(impl_->has_space_sign() ? kUnknownSurface : "");
    case TokenType::kByte:
      return {static_cast<char>(byte_token_value(spelling))};
    case TokenType::kUserDefined:
      return impl_->has_space_sign() ? unescape_spaces(spelling) : spelling;
    case TokenType::kNormal:
    case TokenType::kUnused:
      break;
  }
  return impl_->has_space_sign() ? unescape_spaces(spelling) : unspell(spelling);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, DecodeOptions options) const {
  std::string bytes;
  bool first = options.strip_prefix && impl_->has_space_sign() &&
               (impl_->vocabulary.add_space_prefix ||
                impl_->vocabulary.model == Vocabulary::Model::kWordPiece);
  for (const TokenId id : ids) {
    std::string part = piece(id, options.show_control);
    if (first && !is_control(id) && !part.empty()) {
      if (part.front() == ' ') part.erase(0, 1);
      first = false;
    }
    bytes += part;
  }
  return to_valid_utf8(bytes);
}

bool Tokenizer::is_end_of_generation(TokenId id) const {
  return std::binary_search(impl_->ends.begin(), impl_->ends.end(), id);
}

bool Tokenizer::is_control(TokenId id) const {
  return impl_->contains(id) && impl_->type(id) == TokenType::kControl;
}

std::optional<TokenId> Tokenizer::find(std::string_view spelling) const {
  const auto found = impl_->ids.find(spelling);
  return found == impl_->ids.end() ? std::nullopt : std::optional(found->second);
}

TokenId Tokenizer::size() const {
  return static_cast<TokenId>(impl_->vocabulary.tokens.size());
}

const Vocabulary& Tokenizer::vocabulary() const {
  return impl_->vocabulary;
}

}  // namespace pxos::text
