#include "tests/pxvm/text/gguf_vocabulary.hpp"

#include "cartridges/import/gguf.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/text/bpe.hpp"
#include "pxvm/text/utf8.hpp"

#include <fmt/format.h>

namespace pxos::test {
namespace {

using cartridges::GgufFile;
using text::TokenType;
using text::Vocabulary;

Result<std::optional<text::TokenId>> find_id(const GgufFile& file, std::string_view key,
                                             std::size_t tokens) {
  PX_TRY(const auto id, file.find_integer(key));
  // Some writers say "none" as 2^32 - 1.
  if (!id || *id < 0 || static_cast<std::size_t>(*id) >= tokens) return std::nullopt;
  return static_cast<text::TokenId>(*id);
}

void add(Vocabulary& v, std::string token, float score, TokenType type = TokenType::kNormal) {
  v.tokens.push_back(std::move(token));
  v.types.push_back(type);
  v.scores.push_back(score);
}

}  // namespace

Result<Vocabulary> gguf_vocabulary(const std::filesystem::path& path) {
  PX_TRY(const MappedFile map, MappedFile::open(path));
  PX_TRY(const GgufFile file, GgufFile::parse(map.bytes()));
  Vocabulary v;
  PX_TRY(const auto model, file.text("tokenizer.ggml.model"));
  v.model = model == "gpt2" ? Vocabulary::Model::kBpe : Vocabulary::Model::kSpm;
  const bool spm = v.model == Vocabulary::Model::kSpm;
  PX_TRY(const auto pre, file.find_text("tokenizer.ggml.pre"));
  v.pre = pre.value_or("");
  PX_TRY(const auto tokens, file.strings("tokenizer.ggml.tokens"));
  v.tokens.assign(tokens.begin(), tokens.end());
  PX_TRY(v.scores, file.floats("tokenizer.ggml.scores"));
  PX_TRY(const auto types, file.integers("tokenizer.ggml.token_type"));
  for (const std::int64_t type : types) v.types.push_back(static_cast<TokenType>(type));
  PX_TRY(const auto merges, file.strings("tokenizer.ggml.merges"));
  v.merges.assign(merges.begin(), merges.end());
  PX_TRY(v.bos, find_id(file, "tokenizer.ggml.bos_token_id", v.tokens.size()));
  PX_TRY(v.eos, find_id(file, "tokenizer.ggml.eos_token_id", v.tokens.size()));
  PX_TRY(v.unk, find_id(file, "tokenizer.ggml.unknown_token_id", v.tokens.size()));
  PX_TRY(const auto add_bos, file.find_flag("tokenizer.ggml.add_bos_token"));
  PX_TRY(const auto add_eos, file.find_flag("tokenizer.ggml.add_eos_token"));
  PX_TRY(const auto prefix, file.find_flag("tokenizer.ggml.add_space_prefix"));
  v.add_bos = add_bos.value_or(spm) && v.bos.has_value();
  v.add_eos = add_eos.value_or(false) && v.eos.has_value();
  v.add_space_prefix = prefix.value_or(spm);
  return v;
}

Vocabulary small_spm(bool byte_tokens) {
  Vocabulary v;
  v.model = Vocabulary::Model::kSpm;
  add(v, "<unk>", 0, TokenType::kUnknown);
  add(v, "<s>", 0, TokenType::kControl);
  add(v, "</s>", 0, TokenType::kControl);
  for (int byte = 0; byte_tokens && byte < 256; ++byte) {
    add(v, fmt::format("<0x{:02X}>", byte), 0, TokenType::kByte);
  }
  for (const char* letter : {"\xE2\x96\x81", "a", "b", "c", "d", "e", "h", "l", "o", "r", "w"}) {
    add(v, letter, -100);
  }
  add(v, "he", -1);
  add(v, "ll", -2);
  add(v, "llo", -3);
  add(v, "hello", -4);
  add(v, "\xE2\x96\x81hello", -5);
  v.unk = 0;
  v.bos = 1;
  v.eos = 2;
  v.add_bos = true;
  v.add_space_prefix = true;
  return v;
}

Vocabulary small_bpe() {
  Vocabulary v;
  v.model = Vocabulary::Model::kBpe;
  v.pre = "gpt-2";
  const auto token = [&v](std::string spelling, TokenType type = TokenType::kNormal) {
    v.tokens.push_back(std::move(spelling));
    v.types.push_back(type);
  };
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string letter;
    text::append_utf8(letter, text::byte_to_letter(static_cast<std::uint8_t>(byte)));
    token(letter);
  }
  for (const char* spelling : {"he", "ll", "hell", "hello", "\xC4\xA0w"}) token(spelling);
  token("<|end|>", TokenType::kControl);
  v.merges = {"h e", "l l", "he ll", "hell o", "\xC4\xA0 w"};
  v.eos = static_cast<text::TokenId>(v.tokens.size() - 1);
  return v;
}

}  // namespace pxos::test
