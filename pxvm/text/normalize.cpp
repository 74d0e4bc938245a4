#include "pxvm/text/normalize.hpp"

#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <array>

#include <utf8proc.h>

namespace pxos::text {
namespace {

using Codes = std::vector<utf8proc_int32_t>;

const utf8proc_property_t& property(utf8proc_int32_t code) {
  return *utf8proc_get_property(code);
}

// Marks in canonical order: utf8proc's own ordering is quadratic in the length of a run, which
// hostile text can make as long as it likes.
void order_marks(Codes& codes) {
  const auto is_starter = [](utf8proc_int32_t code) { return property(code).combining_class == 0; };
  const auto by_class = [](utf8proc_int32_t a, utf8proc_int32_t b) {
    return property(a).combining_class < property(b).combining_class;
  };
  for (auto at = codes.begin(); at != codes.end();) {
    const auto end = std::find_if(at, codes.end(), is_starter);
    std::stable_sort(at, end, by_class);
    at = std::find_if_not(end, codes.end(), is_starter);
  }
}

/// Canonical (or, if `compatible`, compatibility) decomposition in canonical order.
Codes decompose(std::string_view utf8, bool compatible) {
  // No decomposition of one character is longer (U+FDFA: 18).
  std::array<utf8proc_int32_t, 32> parts{};
  const int options = UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  int boundary = 0;
  Codes codes;
  codes.reserve(utf8.size());
  while (!utf8.empty()) {
    const Utf8Step step = utf8_step(utf8);
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(step.code), parts.data(),
                                static_cast<utf8proc_ssize_t>(parts.size()),
                                static_cast<utf8proc_option_t>(options), &boundary);
    PX_ASSERT(count >= 0 && static_cast<std::size_t>(count) <= parts.size());
    codes.insert(codes.end(), parts.begin(), parts.begin() + count);
    utf8.remove_prefix(step.length);
  }
  order_marks(codes);
  return codes;
}

std::string compose(std::string_view utf8, bool compatible) {
  Codes codes = decompose(utf8, compatible);
  const utf8proc_ssize_t count =
      utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  PX_ASSERT(count >= 0);
  std::string out;
  out.reserve(utf8.size());
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    append_utf8(out, static_cast<char32_t>(codes[static_cast<std::size_t>(i)]));
  }
  return out;
}

bool is_space(char32_t code) {
  if (code == '\t' || code == '\n' || code == '\r') return true;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
}

/// Dropped by BERT: zero, the replacement character and every control, format and private code. An
/// unassigned code stays, as in the fast tokenizers that the published ids come from.
bool is_dropped(char32_t code) {
  if (code == 0 || code == kReplacement) return true;
  if (is_space(code)) return false;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CO || category == UTF8PROC_CATEGORY_CS;
}

std::string bert(std::string_view utf8, bool uncased) {
  std::string clean;
  clean.reserve(utf8.size());
  for (std::string_view rest = utf8; !rest.empty();) {
    const Utf8Step step = utf8_step(rest);
    if (!is_dropped(step.code)) append_utf8(clean, is_space(step.code) ? U' ' : step.code);
    rest.remove_prefix(step.length);
  }
  if (!uncased) return clean;
  std::string out;
  out.reserve(clean.size());
  for (const utf8proc_int32_t code : decompose(clean, false)) {
    if (utf8proc_category(code) == UTF8PROC_CATEGORY_MN) continue;
    append_utf8(out, static_cast<char32_t>(utf8proc_tolower(code)));
  }
  return out;
}

/// The blocks BERT calls Chinese; other East Asian scripts are written with spaces or in words.
bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_punctuation(char32_t c) {
  if (c < 0x80)
    return c > 0x20 && c < 0x7F && (c < '0' || c > '9') && (c < 'A' || c > 'Z') &&
           (c < 'a' || c > 'z');
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

}  // namespace

Result<std::string> normalize(std::string_view utf8, Normalization form) {
  switch (form) {
    case Normalization::kNone:
      break;
    case Normalization::kNfc:
      return compose(utf8, false);
    case Normalization::kNfkc:
      return compose(utf8, true);
    case Normalization::kBertUncased:
      return bert(utf8, true);
    case Normalization::kBertCased:
      return bert(utf8, false);
  }
  return std::string(utf8);
}

CharacterClass classify(char32_t code) {
  if (is_space(code)) return CharacterClass::kSpace;
  return is_punctuation(code) || is_ideograph(code) ? CharacterClass::kAlone
                                                    : CharacterClass::kWord;
}

}  // namespace pxos::text
