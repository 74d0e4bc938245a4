#include "cartridges/import/tokenizer_json.hpp"

#include "cartridges/import/tokenizer_steps.hpp"
#include "cartridges/json_guard.hpp"
#include "pxvm/text/pre_tokenizer.hpp"
#include "pxvm/text/spm.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

namespace pxos::cartridges {
namespace {

using text::TokenId;
using text::TokenType;
using text::Vocabulary;

constexpr std::int64_t kMaxTokens = std::int64_t{1} << 22U;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{128} << 20U;
constexpr std::uint64_t kMaxValues = std::uint64_t{1} << 24U;
/// Long words are unknown in WordPiece; other lengths than BERT's are not carried.
constexpr std::int64_t kBertWordCharacters = 100;

Result<Json> parse_document(Bytes bytes, std::string_view what) {
  PX_CHECK(check_json(bytes, what,
                      {.max_bytes = kMaxFileBytes, .max_depth = 32, .max_values = kMaxValues}));
  Json document = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (document.is_discarded()) return fail(Errc::kInvalid, "{}: not JSON", what);
  return document;
}

/// One document on its way to a vocabulary.
class Reader {
 public:
  Reader(const JsonObject& root, const JsonObject& model, TokenizerSteps steps)
      : root_(root), model_(model), steps_(std::move(steps)) {}

  Result<Vocabulary> read() {
    PX_TRY(const std::string type, model_.text_or("type", "BPE"));
    if (type == "BPE") {
      PX_CHECK(read_bpe());
    } else if (type == "Unigram") {
      PX_CHECK(read_unigram());
    } else if (type == "WordPiece") {
      PX_CHECK(read_word_piece());
    } else {
      return fail(Errc::kUnsupported, "{}: '{}' is not understood (BPE, Unigram, WordPiece are)",
                  model_.at("type"), type);
    }
    PX_CHECK(read_added_tokens());
    fill_holes();
    apply_steps();
    PX_CHECK(read_ends());
    index();
    if (v_.model == Vocabulary::Model::kRankedPieces) PX_CHECK(score_merges());
    PX_CHECK(text::validate(v_));
    return std::move(v_);
  }

 private:
  static constexpr auto kHole = static_cast<TokenType>(0);

  Result<void> place(std::int64_t id, std::string spelling, TokenType type) {
    if (id < 0 || id >= kMaxTokens)
      return fail(Errc::kInvalid, "token '{}' has id {}, expected 0 to {}", spelling, id,
                  kMaxTokens - 1);
    const auto index = static_cast<std::size_t>(id);
    if (index >= v_.tokens.size()) {
      v_.tokens.resize(index + 1);
      v_.types.resize(index + 1, kHole);
    }
    v_.tokens[index] = std::move(spelling);
    v_.types[index] = type;
    return {};
  }

  /// model.vocab as a mapping of spellings to ids.
  Result<void> read_vocabulary_map() {
    PX_TRY(const Json* vocab, model_.need("vocab"));
    if (!vocab->is_object())
      return fail(Errc::kInvalid, "{}: expected an object", model_.at("vocab"));
    for (const auto& [spelling, id] : vocab->items()) {
      PX_TRY(const std::int64_t number, JsonObject::as_integer(id, model_.at("vocab")));
      PX_CHECK(place(number, spelling, TokenType::kNormal));
    }
    return {};
  }

  Result<std::string> optional_text(std::string_view key) const {
    const Json* value = model_.find(key);
    if (value == nullptr || value->is_null()) return std::string();
    return JsonObject::as_text(*value, model_.at(key));
  }
  Result<bool> optional_flag(std::string_view key) const {
    const Json* value = model_.find(key);
    if (value == nullptr || value->is_null()) return false;
    if (!value->is_boolean())
      return fail(Errc::kInvalid, "{}: expected true or false", model_.at(key));
    return value->get<bool>();
  }

  Result<void> read_bpe() {
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      PX_TRY(const std::string affix, optional_text(key));
      if (!affix.empty())
        return fail(Errc::kUnsupported, "{}: '{}' is not understood", model_.at(key), affix);
    }
    PX_TRY(unknown_, optional_text("unk_token"));
    PX_TRY(v_.whole_words_first, optional_flag("ignore_merges"));
    PX_TRY(byte_fallback_, optional_flag("byte_fallback"));
    PX_CHECK(read_vocabulary_map());
    PX_CHECK(read_merges());
    if (!steps_.byte_level) {
      v_.model = Vocabulary::Model::kRankedPieces;
      if (!steps_.space_sign)
        return fail(Errc::kUnsupported, "{}: neither ByteLevel nor spaces as '{}'",
                    root_.at("pre_tokenizer"), text::kSpmSpace);
      if (!steps_.expressions.empty())
        return fail(Errc::kUnsupported, "{}: Split '{}' with spaces as '{}'",
                    root_.at("pre_tokenizer"), steps_.expressions.front(), text::kSpmSpace);
      return {};
    }
    v_.model = Vocabulary::Model::kBpe;
    const auto name = text::find_pre_tokenizer(steps_.expressions, v_.whole_words_first);
    if (!name)
      return fail(Errc::kUnsupported, "{}: no scheme splits by {}", root_.at("pre_tokenizer"),
                  fmt::join(steps_.expressions, " then "));
    v_.pre = *name;
    return {};
  }

  /// Pairs are written as "left right" or as [left, right].
  Result<void> read_merges() {
    PX_TRY(const Json* merges, model_.array_or_null("merges"));
    if (merges == nullptr) return fail(Errc::kInvalid, "{} is missing", model_.at("merges"));
    v_.merges.reserve(merges->size());
    for (std::size_t i = 0; i < merges->size(); ++i) {
      const Json& merge = (*merges)[i];
      const std::string path = fmt::format("{}[{}]", model_.at("merges"), i);
      if (!merge.is_array()) {
        PX_TRY(std::string pair, JsonObject::as_text(merge, path));
        v_.merges.push_back(std::move(pair));
        continue;
      }
      if (merge.size() != 2) return fail(Errc::kInvalid, "{}: expected two parts", path);
      PX_TRY(const std::string left, JsonObject::as_text(merge[0], path));
      PX_TRY(const std::string right, JsonObject::as_text(merge[1], path));
      v_.merges.push_back(left + " " + right);
    }
    return {};
  }

  Result<void> read_unigram() {
    v_.model = Vocabulary::Model::kUnigram;
    PX_TRY(byte_fallback_, optional_flag("byte_fallback"));
    PX_TRY(const Json* vocab, model_.array_or_null("vocab"));
    if (vocab == nullptr) return fail(Errc::kInvalid, "{} is missing", model_.at("vocab"));
    if (!steps_.space_sign)
      return fail(Errc::kUnsupported, "{}: Unigram without Metaspace", root_.at("pre_tokenizer"));
    for (std::size_t i = 0; i < vocab->size(); ++i) {
      const Json& pair = (*vocab)[i];
      const std::string path = fmt::format("{}[{}]", model_.at("vocab"), i);
      if (!pair.is_array() || pair.size() != 2)
        return fail(Errc::kInvalid, "{}: expected [piece, score]", path);
      PX_TRY(std::string piece, JsonObject::as_text(pair[0], path));
      PX_TRY(const double score, JsonObject::as_real(pair[1], path));
      PX_CHECK(place(static_cast<std::int64_t>(i), std::move(piece), TokenType::kNormal));
      v_.scores.push_back(static_cast<float>(score));
    }
    const Json* unk = model_.find("unk_id");
    if (unk == nullptr || unk->is_null()) return {};
    PX_TRY(const std::int64_t id, JsonObject::as_integer(*unk, model_.at("unk_id")));
    if (id < 0 || static_cast<std::size_t>(id) >= v_.tokens.size())
      return fail(Errc::kInvalid, "{}: {} of {} pieces", model_.at("unk_id"), id, v_.tokens.size());
    unknown_ = v_.tokens[static_cast<std::size_t>(id)];
    return {};
  }

  // "##x" continues a word and x starts one: in our spelling x and U+2581 x.
  Result<void> read_word_piece() {
    v_.model = Vocabulary::Model::kWordPiece;
    PX_TRY(unknown_, optional_text("unk_token"));
    PX_TRY(const std::string prefix, model_.text_or("continuing_subword_prefix", "##"));
    PX_TRY(const std::int64_t longest,
           model_.integer_or("max_input_chars_per_word", kBertWordCharacters));
    if (prefix != "##" || longest != kBertWordCharacters || !steps_.bert_words)
      return fail(Errc::kUnsupported,
                  "{}: WordPiece other than BERT's (prefix ##, {} characters, BertPreTokenizer)",
                  model_.at("type"), kBertWordCharacters);
    return read_vocabulary_map();
  }

  void spell_word_pieces() {
    for (std::size_t i = 0; i < v_.tokens.size(); ++i) {
      if (v_.types[i] != TokenType::kNormal) continue;
      std::string& token = v_.tokens[i];
      const bool continues = token.size() > 2 && token.starts_with("##");
      token = continues ? token.substr(2) : std::string(text::kSpmSpace) + token;
    }
  }

  static Result<bool> need_flag(const JsonObject& token, std::string_view key) {
    const Json* value = token.find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean())
      return fail(Errc::kInvalid, "{}: expected true or false", token.at(key));
    return value->get<bool>();
  }

  Result<void> read_added_tokens() {
    PX_TRY(const Json* added, root_.array_or_null("added_tokens"));
    if (added == nullptr) return {};
    for (std::size_t i = 0; i < added->size(); ++i) {
      PX_TRY(const JsonObject token,
             JsonObject::of((*added)[i], fmt::format("added_tokens[{}]", i)));
      PX_TRY(const std::int64_t id, token.integer("id"));
      PX_TRY(std::string content, token.text("content"));
      PX_TRY(const bool special, need_flag(token, "special"));
      PX_TRY(const bool single_word, need_flag(token, "single_word"));
      PX_TRY(const bool lstrip, need_flag(token, "lstrip"));
      PX_TRY(const bool rstrip, need_flag(token, "rstrip"));
      if (single_word)
        return fail(Errc::kUnsupported, "{}: single_word is not understood", token.at("content"));
      PX_CHECK(
          place(id, std::move(content), special ? TokenType::kControl : TokenType::kUserDefined));
      if (lstrip) v_.strip_left.push_back(static_cast<TokenId>(id));
      if (rstrip) v_.strip_right.push_back(static_cast<TokenId>(id));
    }
    for (std::vector<TokenId>* ids : {&v_.strip_left, &v_.strip_right}) {
      std::sort(ids->begin(), ids->end());
      ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
    }
    return {};
  }

  void fill_holes() {
    for (std::size_t i = 0; i < v_.tokens.size(); ++i) {
      if (v_.types[i] != kHole) continue;
      v_.tokens[i] = fmt::format("[PAD{}]", i);
      v_.types[i] = TokenType::kUnused;
    }
    if (v_.model == Vocabulary::Model::kUnigram) v_.scores.resize(v_.tokens.size(), 0.0F);
    if (v_.model == Vocabulary::Model::kWordPiece) spell_word_pieces();
    for (std::size_t i = 0; i < v_.tokens.size(); ++i) {
      const std::string& token = v_.tokens[i];
      if (byte_fallback_ && token.size() == 6 && token.starts_with("<0x") && token.ends_with('>') &&
          v_.types[i] == TokenType::kNormal)
        v_.types[i] = TokenType::kByte;
      if (token == unknown_ && !unknown_.empty() && v_.types[i] != TokenType::kUnused) {
        v_.unk = static_cast<TokenId>(i);
        v_.types[i] = TokenType::kUnknown;
      }
    }
  }

  void apply_steps() {
    v_.normalization = steps_.normalization;
    v_.charsmap = std::move(steps_.charsmap);
    v_.collapse_spaces = steps_.collapse_spaces;
    v_.add_space_prefix = steps_.space_prefix;
    v_.prefix_at_start_only = steps_.prefix_at_start_only;
    v_.prefix_unless_space = steps_.prefix_unless_space;
    v_.split_words = steps_.split_words && v_.model == Vocabulary::Model::kRankedPieces;
  }

  void index() {
    for (std::size_t i = 0; i < v_.tokens.size(); ++i)
      ids_.emplace(v_.tokens[i], static_cast<TokenId>(i));
  }

  [[nodiscard]] Result<std::optional<TokenId>> special(const std::string& spelling) const {
    if (spelling.empty()) return std::optional<TokenId>();
    const auto found = std::find(v_.tokens.begin(), v_.tokens.end(), spelling);
    if (found == v_.tokens.end())
      return fail(Errc::kInvalid, "post_processor: '{}' is no token", spelling);
    return std::optional(static_cast<TokenId>(found - v_.tokens.begin()));
  }

  Result<void> read_ends() {
    PX_TRY(v_.bos, special(steps_.first_token));
    PX_TRY(v_.eos, special(steps_.last_token));
    v_.add_bos = v_.bos.has_value();
    v_.add_eos = v_.eos.has_value();
    return {};
  }

  // The scores of the SentencePiece form of the same tokenizer: a piece counts as much as the merge
  // that makes it comes early.
  Result<void> score_merges() {
    v_.scores.assign(v_.tokens.size(), 0.0F);
    for (std::size_t rank = 0; rank < v_.merges.size(); ++rank) {
      std::string joined = v_.merges[rank];
      const std::size_t space = joined.find(' ', 1);
      if (space == std::string::npos) continue;  // validate() names it
      joined.erase(space, 1);
      const auto found = ids_.find(joined);
      if (found == ids_.end()) continue;
      float& score = v_.scores[static_cast<std::size_t>(found->second)];
      if (score == 0.0F) score = -static_cast<float>(rank + 1);
    }
    return {};
  }

  const JsonObject& root_;
  const JsonObject& model_;
  TokenizerSteps steps_;
  Vocabulary v_;
  std::string unknown_;
  bool byte_fallback_ = false;
  std::unordered_map<std::string_view, TokenId> ids_;
};

/// The spelling of "eos_token": a string, or an object with `content`; empty = none.
Result<std::string> config_token(const JsonObject& config, std::string_view key) {
  const Json* value = config.find(key);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_object()) return JsonObject::as_text(*value, config.at(key));
  PX_TRY(const JsonObject object, JsonObject::of(*value, config.at(key)));
  return object.text("content");
}

Result<void> apply_config(Bytes bytes, Vocabulary& v) {
  PX_TRY(const Json document, parse_document(bytes, "tokenizer_config.json"));
  PX_TRY(const JsonObject config, JsonObject::of(document, "tokenizer_config.json"));
  const std::map<std::string_view, std::optional<TokenId> Vocabulary::*> slots = {
      {"bos_token", &Vocabulary::bos},
      {"eos_token", &Vocabulary::eos},
      {"pad_token", &Vocabulary::pad},
      {"unk_token", &Vocabulary::unk}};
  for (const auto& [key, slot] : slots) {
    PX_TRY(const std::string spelling, config_token(config, key));
    const auto found = std::find(v.tokens.begin(), v.tokens.end(), spelling);
    const bool is_given = (v.*slot).has_value();  // what the tokenizer itself says goes first
    if (!spelling.empty() && !is_given && found != v.tokens.end())
      v.*slot = static_cast<TokenId>(found - v.tokens.begin());
  }
  return {};
}

}  // namespace

Result<Vocabulary> read_tokenizer_json(Bytes json, Bytes config) {
  PX_TRY(const Json document, parse_document(json, "tokenizer.json"));
  PX_TRY(const JsonObject root, JsonObject::of(document, "tokenizer.json"));
  PX_TRY(const Json* model_value, root.need("model"));
  PX_TRY(const JsonObject model, JsonObject::of(*model_value, root.at("model")));
  PX_TRY(TokenizerSteps steps, read_tokenizer_steps(root));
  PX_TRY(Vocabulary v, Reader(root, model, std::move(steps)).read());
  if (!config.empty()) PX_CHECK(apply_config(config, v));
  PX_CHECK(text::validate(v));
  return v;
}

Result<void> pad_vocabulary(Vocabulary& vocabulary, std::int64_t rows) {
  if (rows < 0 || rows > kMaxTokens)
    return fail(Errc::kLimit, "a vocabulary of {} rows, at most {}", rows, kMaxTokens);
  const auto wanted = static_cast<std::size_t>(rows);
  if (vocabulary.tokens.size() > wanted)
    return fail(Errc::kInvalid, "the tokenizer has {} tokens, the model {} rows",
                vocabulary.tokens.size(), rows);
  for (std::size_t i = vocabulary.tokens.size(); i < wanted; ++i) {
    vocabulary.tokens.push_back(fmt::format("[PAD{}]", i));
    vocabulary.types.push_back(TokenType::kUnused);
  }
  if (!vocabulary.scores.empty()) vocabulary.scores.resize(wanted, 0.0F);
  return {};
}

}  // namespace pxos::cartridges
