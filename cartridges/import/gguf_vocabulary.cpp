#include "cartridges/import/gguf_vocabulary.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace pxos::cartridges {
namespace {

using text::TokenId;
using text::Vocabulary;

constexpr std::string_view kPrefix = "tokenizer.ggml.";
// Some converters write "no such token" as all ones.
constexpr std::int64_t kNoToken32 = 0xFFFFFFFF;

// Spellings that end a turn or a text in the model families around.
constexpr std::array<std::string_view, 7> kEndMarks{
    "<|im_end|>",    "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>",
    "<end_of_turn>", "<|end|>",    "<|eom_id|>"};
// Schemes whose tokenizer.json puts a begin-of-text token in front although the model is BPE.
constexpr std::array<std::string_view, 11> kBpeWithBos{
    "jina-v5-nano", "llama-bpe", "llama3",   "llama-v3", "chameleon", "falcon3",
    "falcon-h1",    "pixtral",   "midm-2.0", "lfm2",     "tekken"};
// Schemes whose tokenizer.json has the normalizer NFC.
constexpr std::array<std::string_view, 4> kBpeWithNfc{"qwen2", "deepseek-r1-qwen", "mpt", "olmo"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string key(std::string_view name) {
  return std::string(kPrefix) + std::string(name);
}

Result<std::optional<TokenId>> token_id(const GgufFile& file, std::string_view name,
                                        std::size_t count) {
  PX_TRY(const auto id, file.find_integer(key(name)));
  if (!id || *id == kNoToken32 || *id == -1) return std::optional<TokenId>();
  if (*id < 0 || static_cast<std::uint64_t>(*id) >= count)
    return fail(Errc::kInvalid, "{}: id {} outside a vocabulary of {}", key(name), *id, count);
  return std::optional<TokenId>(static_cast<TokenId>(*id));
}

Result<void> read_ids(const GgufFile& file, Vocabulary& out) {
  const std::size_t count = out.tokens.size();
  PX_TRY(out.bos, token_id(file, "bos_token_id", count));
  PX_TRY(out.eos, token_id(file, "eos_token_id", count));
  PX_TRY(out.eot, token_id(file, "eot_token_id", count));
  PX_TRY(out.unk, token_id(file, "unknown_token_id", count));
  PX_TRY(out.pad, token_id(file, "padding_token_id", count));
  if (out.model != Vocabulary::Model::kWordPiece) return {};
  // BERT's names: a text stands between cls and sep. The key is spelled so in the format.
  PX_TRY(const auto cls, token_id(file, "cls_token_id", count));
  PX_TRY(const auto sep, token_id(file, "seperator_token_id", count));
  if (cls) out.bos = cls;
  if (sep) out.eos = sep;
  return {};
}

/// What a model does when its file does not say.
struct Defaults {
  bool add_bos = false;
  bool add_eos = false;
  bool add_space = false;
};
Defaults defaults_of(const Vocabulary& v) {
  switch (v.model) {
    case Vocabulary::Model::kBpe:
      return {is_one_of(kBpeWithBos, v.pre), false, false};
    case Vocabulary::Model::kWordPiece:
      return {true, true, false};
    case Vocabulary::Model::kUnigram:
      return {false, true, true};
    case Vocabulary::Model::kSpm:
    case Vocabulary::Model::kRankedPieces:
      break;
  }
  return {true, false, true};
}

Result<void> read_flags(const GgufFile& file, Vocabulary& out) {
  const Defaults defaults = defaults_of(out);
  const bool has_spaces =
      out.model == Vocabulary::Model::kSpm || out.model == Vocabulary::Model::kUnigram;
  PX_TRY(const auto add_bos, file.find_flag(key("add_bos_token")));
  PX_TRY(const auto add_eos, file.find_flag(key("add_eos_token")));
  PX_TRY(const auto add_sep, file.find_flag(key("add_sep_token")));
  PX_TRY(const auto add_space, file.find_flag(key("add_space_prefix")));
  PX_TRY(const auto collapse, file.find_flag(key("remove_extra_whitespaces")));
  out.add_bos = add_bos.value_or(defaults.add_bos) && out.bos.has_value();
  out.add_eos =
      (add_eos.value_or(defaults.add_eos) || add_sep.value_or(false)) && out.eos.has_value();
  out.add_space_prefix = add_space.value_or(defaults.add_space) && has_spaces;
  out.collapse_spaces = collapse.value_or(false) && has_spaces;
  if (out.model == Vocabulary::Model::kBpe && is_one_of(kBpeWithNfc, out.pre))
    out.normalization = text::Normalization::kNfc;
  if (out.model == Vocabulary::Model::kWordPiece)
    out.normalization = text::Normalization::kBertUncased;
  return {};
}

Result<void> read_scores(const GgufFile& file, Vocabulary& out) {
  PX_TRY(out.scores, file.floats(key("scores")));
  if (out.scores.size() != out.tokens.size())
    return fail(Errc::kInvalid, "{}: {} values for {} tokens", key("scores"), out.scores.size(),
                out.tokens.size());
  return {};
}

/// T5's character map, an array of bytes.
Result<void> read_charsmap(const GgufFile& file, Vocabulary& out) {
  PX_TRY(const auto bytes, file.integers(key("precompiled_charsmap")));
  out.charsmap.reserve(bytes.size());
  for (const std::int64_t byte : bytes) out.charsmap.push_back(static_cast<char>(byte & 0xFF));
  return {};
}

// Which regular expression cuts the text changes every id, so it is never guessed.
Result<std::string> pre_tokenizer(const GgufFile& file, std::string_view given) {
  PX_TRY(const auto pre, file.find_text(key("pre")));
  if (!pre && given.empty())
    return fail(
        Errc::kInvalid,
        "{}: missing, and a BPE tokenizer needs it; --pre NAME says which one the model was "
        "trained with (gpt-2 for most files without)",
        key("pre"));
  if (pre && !given.empty() && *pre != given)
    return fail(Errc::kUsage, "{}: the file says '{}', --pre says '{}'", key("pre"), *pre, given);
  return pre ? std::string(*pre) : std::string(given);
}

Result<void> read_merges(const GgufFile& file, std::string_view pre, Vocabulary& out) {
  if (out.model == Vocabulary::Model::kBpe) {
    PX_TRY(out.pre, pre_tokenizer(file, pre));
  }
  PX_TRY(const auto merges, file.strings(key("merges")));
  if (merges.empty()) return fail(Errc::kInvalid, "{}: missing or empty", key("merges"));
  out.merges.assign(merges.begin(), merges.end());
  return {};
}

Result<void> read_types(const GgufFile& file, Vocabulary& out) {
  PX_TRY(const auto codes, file.integers(key("token_type")));
  if (codes.empty()) {
    out.types.assign(out.tokens.size(), text::TokenType::kNormal);
    return {};
  }
  if (codes.size() != out.tokens.size())
    return fail(Errc::kInvalid, "{}: {} values for {} tokens", key("token_type"), codes.size(),
                out.tokens.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] < 1 || codes[i] > 6)
      return fail(Errc::kInvalid, "{}: token {} has type {}, expected 1 to 6", key("token_type"), i,
                  codes[i]);
    out.types.push_back(static_cast<text::TokenType>(codes[i]));
  }
  return {};
}

/// The marks of a Phi-3 chat swallow the line end behind them; GGUF has no key for that, the
/// model's tokenizer.json has it.
Result<void> read_strips(const GgufFile& file, Vocabulary& out) {
  constexpr std::array<std::string_view, 3> kKeepSpaces{"<unk>", "<s>", "<|endoftext|>"};
  PX_TRY(const auto architecture, file.find_text("general.architecture"));
  if (architecture != "phi3" || out.model != Vocabulary::Model::kSpm) return {};
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    const text::TokenType type = out.types[i];
    const bool mark = type == text::TokenType::kControl || type == text::TokenType::kUserDefined;
    if (mark && !is_one_of(kKeepSpaces, out.tokens[i]))
      out.strip_right.push_back(static_cast<TokenId>(i));
  }
  return {};
}

Result<Vocabulary::Model> model_of(const GgufFile& file) {
  PX_TRY(const auto name, file.text(key("model")));
  if (name == "llama") return Vocabulary::Model::kSpm;
  if (name == "gpt2") return Vocabulary::Model::kBpe;
  if (name == "bert") return Vocabulary::Model::kWordPiece;
  if (name == "t5") return Vocabulary::Model::kUnigram;
  if (name == "gemma4") return Vocabulary::Model::kRankedPieces;
  return fail(Errc::kUnsupported,
              "{}: tokenizer \"{}\" is not supported (llama, gpt2, bert, t5, gemma4 are)",
              key("model"), name);
}

}  // namespace

Result<text::Vocabulary> gguf_vocabulary(const GgufFile& file, std::string_view pre) {
  Vocabulary out;
  PX_TRY(out.model, model_of(file));
  PX_TRY(const auto tokens, file.strings(key("tokens")));
  if (tokens.empty()) return fail(Errc::kInvalid, "{}: missing or empty", key("tokens"));
  out.tokens.assign(tokens.begin(), tokens.end());
  PX_CHECK(read_types(file, out));
  PX_CHECK(read_ids(file, out));
  if (out.model == Vocabulary::Model::kBpe || out.model == Vocabulary::Model::kRankedPieces) {
    PX_CHECK(read_merges(file, pre, out));
  } else if (out.model != Vocabulary::Model::kWordPiece) {
    PX_CHECK(read_scores(file, out));
  }
  if (out.model == Vocabulary::Model::kUnigram) PX_CHECK(read_charsmap(file, out));
  PX_CHECK(read_flags(file, out));
  PX_CHECK(read_strips(file, out));
  PX_CHECK(text::validate(out));
  return out;
}

std::vector<std::int32_t> stop_tokens(const text::Vocabulary& vocabulary) {
  std::set<std::int32_t> ids;
  if (vocabulary.eos) ids.insert(*vocabulary.eos);
  if (vocabulary.eot) ids.insert(*vocabulary.eot);
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    if (is_one_of(kEndMarks, vocabulary.tokens[i]) &&
        vocabulary.types[i] == text::TokenType::kControl)
      ids.insert(static_cast<std::int32_t>(i));
  }
  return {ids.begin(), ids.end()};
}

}  // namespace pxos::cartridges
