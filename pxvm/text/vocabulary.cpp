#include "pxvm/text/vocabulary.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/base/hash.hpp"

#include <array>
#include <cmath>
#include <utility>

namespace pxos::text {
namespace {

constexpr std::uint32_t kMagic = 0x4B545850;  // "PXTK"
constexpr std::uint32_t kFirstVersion = 1;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint64_t kMaxTokens = std::uint64_t{1} << 22U;
constexpr std::uint64_t kMaxMerges = std::uint64_t{1} << 23U;
constexpr std::uint64_t kMaxTextBytes = 65535;
constexpr std::uint64_t kHashBytes = 8;
constexpr std::uint8_t kAddBos = 1, kAddEos = 2, kSpacePrefix = 4, kHasScores = 8;
constexpr std::uint8_t kAllFlags = kAddBos | kAddEos | kSpacePrefix | kHasScores;
constexpr std::uint64_t kMaxCharsmapBytes = std::uint64_t{16} << 20U;

using Flag = bool Vocabulary::*;
/// Version 2's flags, bit 0 first.
constexpr std::array<Flag, 5> kMoreFlags = {
    &Vocabulary::prefix_at_start_only, &Vocabulary::collapse_spaces, &Vocabulary::split_words,
    &Vocabulary::whole_words_first, &Vocabulary::prefix_unless_space};

bool is_scored(Vocabulary::Model model) {
  return model == Vocabulary::Model::kSpm || model == Vocabulary::Model::kUnigram;
}

std::uint8_t more_flags(const Vocabulary& v) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < kMoreFlags.size(); ++i) bits |= v.*kMoreFlags[i] ? 1U << i : 0U;
  return static_cast<std::uint8_t>(bits);
}

/// Whether version 1 cannot say it.
bool needs_version_2(const Vocabulary& v) {
  return v.model > Vocabulary::Model::kBpe || v.normalization != Normalization::kNone ||
         more_flags(v) != 0 || !v.strip_left.empty() || !v.strip_right.empty() ||
         !v.charsmap.empty();
}

using IdField = std::optional<TokenId> Vocabulary::*;
constexpr std::array<std::pair<const char*, IdField>, 5> kIds = {{{"bos", &Vocabulary::bos},
                                                                  {"eos", &Vocabulary::eos},
                                                                  {"eot", &Vocabulary::eot},
                                                                  {"unk", &Vocabulary::unk},
                                                                  {"pad", &Vocabulary::pad}}};

bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

bool is_byte_spelling(std::string_view text) {
  return text.size() == 6 && text.substr(0, 3) == "<0x" && is_hex_digit(text[3]) &&
         is_hex_digit(text[4]) && text[5] == '>';
}

// "left right" with one space between two parts that are not empty.
bool is_merge(std::string_view merge) {
  // The left part may start with the separator only if it is not empty otherwise: look from byte 1.
  const std::size_t space = merge.find(' ', 1);
  return space != std::string_view::npos && space + 1 < merge.size() &&
         merge.find(' ', space + 1) == std::string_view::npos;
}

// Sizes first: the per-token checks below index all arrays alike.
Result<void> check_counts(const Vocabulary& v) {
  const std::size_t n = v.tokens.size();
  if (n == 0 || n > kMaxTokens)
    return fail(Errc::kLimit, "vocabulary: {} tokens, expected 1 to {}", n, kMaxTokens);
  if (v.types.size() != n)
    return fail(Errc::kInvalid, "vocabulary: {} token types for {} tokens", v.types.size(), n);
  const bool scores_missing = v.scores.empty() && !is_scored(v.model);
  if (!scores_missing && v.scores.size() != n)
    return fail(Errc::kInvalid, "vocabulary: {} scores for {} tokens", v.scores.size(), n);
  if (v.merges.size() > kMaxMerges)
    return fail(Errc::kLimit, "vocabulary: {} merges, at most {}", v.merges.size(), kMaxMerges);
  if (v.pre.size() > kMaxTextBytes)
    return fail(Errc::kLimit, "vocabulary: pre-tokenizer name of {} bytes", v.pre.size());
  if (v.charsmap.size() > kMaxCharsmapBytes)
    return fail(Errc::kLimit, "vocabulary: character map of {} bytes, at most {}",
                v.charsmap.size(), kMaxCharsmapBytes);
  return {};
}

// Searched by bisection, so order matters.
Result<void> check_strips(const Vocabulary& v, const std::vector<TokenId>& ids,
                          std::string_view name) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || static_cast<std::size_t>(ids[i]) >= v.tokens.size())
      return fail(Errc::kInvalid, "vocabulary: {} names token {} of {}", name, ids[i],
                  v.tokens.size());
    if (i > 0 && ids[i] <= ids[i - 1])
      return fail(Errc::kInvalid, "vocabulary: {} is not ascending at {}", name, i);
  }
  return {};
}

// Ids from outside are used as indices without another check after this.
Result<void> check_ids(const Vocabulary& v) {
  for (const auto& [name, field] : kIds) {
    const std::optional<TokenId> id = v.*field;
    if (id && (*id < 0 || static_cast<std::size_t>(*id) >= v.tokens.size()))
      return fail(Errc::kInvalid, "vocabulary: {} is token {} of {}", name, *id, v.tokens.size());
  }
  if (v.add_bos && !v.bos) return fail(Errc::kInvalid, "vocabulary: add_bos without a bos token");
  if (v.add_eos && !v.eos) return fail(Errc::kInvalid, "vocabulary: add_eos without an eos token");
  return {};
}

Result<void> check_token(const Vocabulary& v, std::size_t i) {
  const auto type = static_cast<unsigned>(v.types[i]);
  if (type < 1 || type > 6)
    return fail(Errc::kInvalid, "vocabulary: token {} has type {}, expected 1 to 6", i, type);
  if (v.tokens[i].size() > kMaxTextBytes)
    return fail(Errc::kLimit, "vocabulary: token {} has {} bytes, at most {}", i,
                v.tokens[i].size(), kMaxTextBytes);
  if (v.types[i] == TokenType::kByte && !is_byte_spelling(v.tokens[i]))
    return fail(Errc::kInvalid, "vocabulary: byte token {} is not spelled <0xHH>", i);
  if (!v.scores.empty() && std::isnan(v.scores[i]))
    return fail(Errc::kInvalid, "vocabulary: the score of token {} is NaN", i);
  return {};
}

void write_texts(ByteWriter& out, const std::vector<std::string>& texts) {
  out.u32(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) {
    out.u16(static_cast<std::uint16_t>(text.size()));
    out.bytes(as_bytes(text));
  }
}

void write_version_2(ByteWriter& out, const Vocabulary& v) {
  out.u8(static_cast<std::uint8_t>(v.normalization));
  out.u8(more_flags(v));
  out.u16(0);
  for (const std::vector<TokenId>* const ids : {&v.strip_left, &v.strip_right}) {
    out.u32(static_cast<std::uint32_t>(ids->size()));
    for (const TokenId id : *ids) out.i32(id);
  }
  out.string32(v.charsmap);
}

Result<std::vector<std::string>> read_texts(ByteReader& in, std::uint64_t most,
                                            std::string_view what) {
  PX_TRY(const std::uint32_t count, in.u32(what));
  // Each text takes two bytes at least, so a count the entry cannot hold allocates nothing.
  if (count > most || count > in.remaining() / 2)
    return fail(Errc::kInvalid, "{} {} at byte {} do not fit", count, what, in.position());
  std::vector<std::string> texts;
  texts.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    PX_TRY(const std::uint16_t length, in.u16(what));
    PX_TRY(const Bytes text, in.bytes(length, what));
    texts.emplace_back(as_text(text));
  }
  return texts;
}

/// What the header says about the rest.
struct Header {
  std::uint32_t version = 0;
  std::uint8_t flags = 0;
};

// Bytes 0 to 31.
Result<Header> read_header(ByteReader& in, Vocabulary& v) {
  PX_TRY(const std::uint32_t magic, in.u32("magic"));
  if (magic != kMagic)
    return fail(Errc::kInvalid, "bad magic {:#010x}, expected {:#010x}", magic, kMagic);
  PX_TRY(const std::uint32_t version, in.u32("version"));
  if (version < kFirstVersion || version > kVersion)
    return fail(Errc::kUnsupported, "version {} at byte 4, this build reads {} to {}", version,
                kFirstVersion, kVersion);
  PX_TRY(const std::uint8_t model, in.u8("model"));
  const unsigned last_model = version == kFirstVersion ? 2 : 5;
  if (model < 1 || model > last_model)
    return fail(Errc::kInvalid, "model {} at byte 8, expected 1 to {}", model, last_model);
  v.model = static_cast<Vocabulary::Model>(model);
  PX_TRY(const std::uint8_t flags, in.u8("flags"));
  PX_TRY(const std::uint16_t zero, in.u16("reserved"));
  if ((flags & ~kAllFlags) != 0 || zero != 0)
    return fail(Errc::kInvalid, "unknown flags {:#04x} {:#06x} at byte 9", flags, zero);
  v.add_bos = (flags & kAddBos) != 0;
  v.add_eos = (flags & kAddEos) != 0;
  v.add_space_prefix = (flags & kSpacePrefix) != 0;
  for (const auto& [name, field] : kIds) {
    PX_TRY(const std::int32_t id, in.i32(name));
    if (id != -1) v.*field = id;
  }
  return Header{version, flags};
}

Result<std::vector<TokenId>> read_ids(ByteReader& in, std::string_view what) {
  PX_TRY(const std::uint32_t count, in.u32(what));
  if (count > in.remaining() / 4)
    return fail(Errc::kInvalid, "{} {} at byte {} do not fit", count, what, in.position());
  std::vector<TokenId> ids;
  ids.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    PX_TRY(const std::int32_t id, in.i32(what));
    ids.push_back(id);
  }
  return ids;
}

Result<void> read_version_2(ByteReader& in, Vocabulary& v) {
  PX_TRY(const std::uint8_t normalization, in.u8("normalization"));
  PX_TRY(const std::uint8_t flags, in.u8("flags"));
  PX_TRY(const std::uint16_t zero, in.u16("reserved"));
  if (flags >= 1U << kMoreFlags.size() || zero != 0)
    return fail(Errc::kInvalid, "unknown flags {:#04x} {:#06x} before byte {}", flags, zero,
                in.position());
  v.normalization = static_cast<Normalization>(normalization);
  for (std::size_t i = 0; i < kMoreFlags.size(); ++i) v.*kMoreFlags[i] = ((flags >> i) & 1U) != 0;
  PX_TRY(v.strip_left, read_ids(in, "strip_left"));
  PX_TRY(v.strip_right, read_ids(in, "strip_right"));
  PX_TRY(v.charsmap, in.string32(static_cast<std::uint32_t>(kMaxCharsmapBytes), "character map"));
  // One spelling for one vocabulary: what version 1 can say is written as version 1.
  if (!needs_version_2(v)) return fail(Errc::kInvalid, "version 2 without need");
  return {};
}

// Counts are believed only as far as the bytes that remain could hold them.
Result<void> read_arrays(ByteReader& in, const Header& header, Vocabulary& v) {
  PX_TRY(v.pre, in.string32(static_cast<std::uint32_t>(kMaxTextBytes), "pre-tokenizer name"));
  PX_TRY(v.tokens, read_texts(in, kMaxTokens, "tokens"));
  PX_TRY(const Bytes types, in.bytes(v.tokens.size(), "token types"));
  v.types.reserve(types.size());
  for (const std::uint8_t type : types) v.types.push_back(static_cast<TokenType>(type));
  if ((header.flags & kHasScores) != 0) {
    if (in.remaining() / 4 < v.tokens.size())
      return fail(Errc::kInvalid, "{} scores at byte {} do not fit", v.tokens.size(),
                  in.position());
    v.scores.reserve(v.tokens.size());
    for (std::size_t i = 0; i < v.tokens.size(); ++i) {
      PX_TRY(const float score, in.f32("score"));
      v.scores.push_back(score);
    }
  }
  PX_TRY(v.merges, read_texts(in, kMaxMerges, "merges"));
  if (header.version > kFirstVersion) PX_CHECK(read_version_2(in, v));
  return {};
}

Result<Vocabulary> parse_body(Bytes entry) {
  ByteReader in(entry);
  Vocabulary v;
  PX_TRY(const Header header, read_header(in, v));
  // The hash stands at the end: it is checked before the arrays are believed.
  if (entry.size() < in.position() + kHashBytes) return fail(Errc::kInvalid, "truncated");
  const Bytes body = entry.first(entry.size() - kHashBytes);
  ByteReader tail(entry.last(kHashBytes));
  PX_TRY(const std::uint64_t expected, tail.u64("hash"));
  if (const std::uint64_t found = xxh3_64(body); found != expected)
    return fail(Errc::kInvalid, "hash is {:016x}, expected {:016x}", found, expected);
  ByteReader arrays(body);
  PX_CHECK(arrays.seek(in.position(), "arrays"));
  PX_CHECK(read_arrays(arrays, header, v));
  if (arrays.remaining() != 0)
    return fail(Errc::kInvalid, "{} extra bytes at byte {}", arrays.remaining(), arrays.position());
  return v;
}

}  // namespace

Result<void> validate(const Vocabulary& v) {
  if (v.model < Vocabulary::Model::kSpm || v.model > Vocabulary::Model::kRankedPieces)
    return fail(Errc::kInvalid, "vocabulary: unknown model {}", static_cast<unsigned>(v.model));
  PX_CHECK(check_counts(v));
  PX_CHECK(check_ids(v));
  if (v.normalization > Normalization::kBertCased)
    return fail(Errc::kInvalid, "vocabulary: unknown normalization {}",
                static_cast<unsigned>(v.normalization));
  PX_CHECK(check_strips(v, v.strip_left, "strip_left"));
  PX_CHECK(check_strips(v, v.strip_right, "strip_right"));
  for (std::size_t i = 0; i < v.tokens.size(); ++i) PX_CHECK(check_token(v, i));
  for (std::size_t i = 0; i < v.merges.size(); ++i) {
    if (v.merges[i].size() > kMaxTextBytes || !is_merge(v.merges[i]))
      return fail(Errc::kInvalid, "vocabulary: merge {} is not \"left right\"", i);
  }
  return {};
}

Result<ByteVector> serialize(const Vocabulary& v) {
  PX_CHECK(validate(v));
  ByteWriter out;
  out.u32(kMagic);
  const bool version_2 = needs_version_2(v);
  out.u32(version_2 ? kVersion : kFirstVersion);
  out.u8(static_cast<std::uint8_t>(v.model));
  const int flags = (v.add_bos ? kAddBos : 0) | (v.add_eos ? kAddEos : 0) |
                    (v.add_space_prefix ? kSpacePrefix : 0) | (v.scores.empty() ? 0 : kHasScores);
  out.u8(static_cast<std::uint8_t>(flags));
  out.u16(0);
  for (const auto& [name, field] : kIds) out.i32((v.*field).value_or(-1));
  out.string32(v.pre);
  write_texts(out, v.tokens);
  for (const TokenType type : v.types) out.u8(static_cast<std::uint8_t>(type));
  for (const float score : v.scores) out.f32(score);
  write_texts(out, v.merges);
  if (version_2) write_version_2(out, v);
  out.u64(xxh3_64(out.view()));
  return out.take();
}

// Parsing gives an untrusted value of the right shape; validate() then checks what it says.
Result<Vocabulary> parse_vocabulary(Bytes entry) {
  auto parsed = parse_body(entry);
  if (!parsed) return in_context("tokenizer entry", std::move(parsed).error());
  if (auto valid = validate(*parsed); !valid) return in_context("tokenizer entry", valid.error());
  return parsed;
}

}  // namespace pxos::text
