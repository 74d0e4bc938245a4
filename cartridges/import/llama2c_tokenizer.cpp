#include "cartridges/import/llama2c_tokenizer.hpp"

#include "pxvm/text/spm.hpp"

namespace pxos::cartridges {
namespace {

using text::TokenType;
using text::Vocabulary;

constexpr std::int64_t kFirstPiece = 259;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 22U;

/// The first tokens, whatever the file spells ("\n<s>\n" in those of llama2.c's own export).
void name_fixed_tokens(Vocabulary& v) {
  v.tokens[0] = "<unk>";
  v.tokens[1] = "<s>";
  v.tokens[2] = "</s>";
  v.types[0] = TokenType::kUnknown;
  v.types[1] = v.types[2] = TokenType::kControl;
  for (std::size_t i = 3; i < static_cast<std::size_t>(kFirstPiece); ++i)
    v.types[i] = TokenType::kByte;
  v.unk = 0;
  v.bos = 1;
  v.eos = 2;
}

Result<void> check_bytes(const Vocabulary& v) {
  for (std::size_t i = 3; i < static_cast<std::size_t>(kFirstPiece); ++i) {
    const std::string expected = fmt::format("<0x{:02X}>", i - 3);
    if (v.tokens[i] != expected)
      return fail(Errc::kInvalid, "tokenizer.bin: token {} is not {}", i, expected);
  }
  return {};
}

}  // namespace

Result<Vocabulary> read_llama2c_tokenizer(Bytes file, std::int64_t vocab_size) {
  if (vocab_size < kFirstPiece || vocab_size > kMaxTokens)
    return fail(Errc::kInvalid, "tokenizer.bin: {} tokens, expected {} to {}", vocab_size,
                kFirstPiece, kMaxTokens);
  // Eight bytes a token at least: a size the file cannot hold allocates nothing.
  if (file.size() / 8 < static_cast<std::uint64_t>(vocab_size))
    return fail(Errc::kInvalid, "tokenizer.bin: {} bytes are too few for {} tokens", file.size(),
                vocab_size);
  ByteReader in(file);
  PX_TRY(const std::uint32_t longest, in.u32("tokenizer.bin: longest piece"));
  static_cast<void>(longest);  // a buffer size for its own reader
  Vocabulary v;
  for (std::int64_t i = 0; i < vocab_size; ++i) {
    PX_TRY(const float score, in.f32("tokenizer.bin: score"));
    PX_TRY(const std::string piece, in.string32(65535, "tokenizer.bin: piece"));
    v.scores.push_back(score);
    v.tokens.push_back(i < kFirstPiece ? piece : text::escape_spaces(piece, false));
    v.types.push_back(TokenType::kNormal);
  }
  if (in.remaining() != 0)
    return fail(Errc::kInvalid, "tokenizer.bin: {} bytes after token {}", in.remaining(),
                vocab_size - 1);
  PX_CHECK(check_bytes(v));
  name_fixed_tokens(v);
  v.add_bos = true;
  v.add_space_prefix = true;
  PX_CHECK(text::validate(v));
  return v;
}

}  // namespace pxos::cartridges
