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
// Llama 3's pre-tokenizers put a begin-of-text token in front although the model is BPE.
constexpr std::array<std::string_view, 4> kBpeWithBos{"llama-bpe", "llama3", "llama-v3", "falcon3"};

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
  return {};
}

Result<void> read_flags(const GgufFile& file, Vocabulary& out) {
  const bool is_spm = out.model == Vocabulary::Model::kSpm;
  const bool bpe_bos =
      std::find(kBpeWithBos.begin(), kBpeWithBos.end(), out.pre) != kBpeWithBos.end();
  PX_TRY(const auto add_bos, file.find_flag(key("add_bos_token")));
  PX_TRY(const auto add_eos, file.find_flag(key("add_eos_token")));
  PX_TRY(const auto add_space, file.find_flag(key("add_space_prefix")));
  out.add_bos = add_bos.value_or(is_spm || bpe_bos) && out.bos.has_value();
  out.add_eos = add_eos.value_or(false) && out.eos.has_value();
  out.add_space_prefix = add_space.value_or(is_spm) && is_spm;
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

Result<Vocabulary::Model> model_of(const GgufFile& file) {
  PX_TRY(const auto name, file.text(key("model")));
  if (name == "llama") return Vocabulary::Model::kSpm;
  if (name == "gpt2") return Vocabulary::Model::kBpe;
  return fail(Errc::kUnsupported, "{}: tokenizer \"{}\" is not supported yet (llama, gpt2 are)",
              key("model"), name);
}

}  // namespace

Result<text::Vocabulary> gguf_vocabulary(const GgufFile& file) {
  Vocabulary out;
  PX_TRY(out.model, model_of(file));
  PX_TRY(const auto tokens, file.strings(key("tokens")));
  if (tokens.empty()) return fail(Errc::kInvalid, "{}: missing or empty", key("tokens"));
  out.tokens.assign(tokens.begin(), tokens.end());
  PX_TRY(const auto pre, file.find_text(key("pre")));
  PX_CHECK(read_types(file, out));
  PX_CHECK(read_ids(file, out));
  if (out.model == Vocabulary::Model::kSpm) {
    PX_TRY(out.scores, file.floats(key("scores")));
    if (out.scores.size() != out.tokens.size())
      return fail(Errc::kInvalid, "{}: {} values for {} tokens", key("scores"), out.scores.size(),
                  out.tokens.size());
  } else {
    // Which regular expression cuts the text changes every id, so it is never guessed.
    if (!pre) return fail(Errc::kInvalid, "{}: missing, and a BPE tokenizer needs it", key("pre"));
    out.pre = *pre;
    PX_TRY(const auto merges, file.strings(key("merges")));
    if (merges.empty()) return fail(Errc::kInvalid, "{}: missing or empty", key("merges"));
    out.merges.assign(merges.begin(), merges.end());
  }
  PX_CHECK(read_flags(file, out));
  PX_CHECK(text::validate(out));
  return out;
}

std::vector<std::int32_t> stop_tokens(const text::Vocabulary& vocabulary) {
  std::set<std::int32_t> ids;
  if (vocabulary.eos) ids.insert(*vocabulary.eos);
  if (vocabulary.eot) ids.insert(*vocabulary.eot);
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const bool is_mark =
        std::find(kEndMarks.begin(), kEndMarks.end(), vocabulary.tokens[i]) != kEndMarks.end();
    if (is_mark && vocabulary.types[i] == text::TokenType::kControl)
      ids.insert(static_cast<std::int32_t>(i));
  }
  return {ids.begin(), ids.end()};
}

}  // namespace pxos::cartridges
