#include "pxvm/text/charsmap.hpp"

#include "pxvm/text/utf8.hpp"

namespace pxos::text {
namespace {

bool has_value(std::uint32_t unit) {
  return ((unit >> 8U) & 1U) != 0;
}
std::uint32_t offset_of(std::uint32_t unit) {
  return (unit >> 10U) << ((unit & (1U << 9U)) >> 6U);
}
/// A value unit (bit 31) equals no label.
std::uint32_t label_of(std::uint32_t unit) {
  return unit & ((1U << 31U) | 0xFFU);
}

}  // namespace

Result<Charsmap> Charsmap::parse(Bytes map) {
  ByteReader in(map);
  PX_TRY(const std::uint32_t trie_bytes, in.u32("character map: size"));
  if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes > in.remaining())
    return fail(Errc::kInvalid, "character map: a trie of {} bytes in {}", trie_bytes, map.size());
  Charsmap out;
  out.units_.reserve(trie_bytes / 4);
  for (std::uint32_t i = 0; i < trie_bytes / 4; ++i) {
    PX_TRY(const std::uint32_t unit, in.u32("character map: unit"));
    out.units_.push_back(unit);
  }
  PX_TRY(const Bytes texts, in.bytes(in.remaining(), "character map: texts"));
  out.texts_ = as_text(texts);
  return out;
}

// Replacements are not looked at again, so every byte is visited once.
std::string Charsmap::apply(std::string_view utf8) const {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    const Match match = longest(utf8);
    if (match.length > 0) {
      out += match.text;
      utf8.remove_prefix(match.length);
      continue;
    }
    const std::size_t length = utf8_step(utf8).length;
    out += utf8.substr(0, length);
    utf8.remove_prefix(length);
  }
  return to_valid_utf8(out);
}

// Every index is checked: the units are outside bytes. A match ends where a character does.
Charsmap::Match Charsmap::longest(std::string_view text) const {
  Match best;
  std::size_t node = offset_of(units_[0]);
  for (std::size_t i = 0; i < text.size() && i < kMaxSpellingBytes; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label_of(units_[node]) != byte) break;
    const std::uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_value(unit)) continue;
    const bool whole =
        i + 1 == text.size() || (static_cast<std::uint8_t>(text[i + 1]) & 0xC0U) != 0x80U;
    if (node < units_.size() && whole) best = {i + 1, replacement(units_[node] & 0x7FFFFFFFU)};
  }
  return best;
}

std::string_view Charsmap::replacement(std::uint32_t offset) const {
  if (offset >= texts_.size()) return {};
  const std::string_view rest = texts_.substr(offset);
  return rest.substr(0, rest.find('\0'));
}

}  // namespace pxos::text
