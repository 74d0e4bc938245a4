#include "cartridges/import/tokenizer_steps.hpp"

#include "pxvm/text/pre_tokenizer_recipes.hpp"
#include "pxvm/text/spm.hpp"
#include "pxvm/text/utf8.hpp"

#include <array>
#include <functional>

namespace pxos::cartridges {
namespace {

using text::kSpmSpace;

tl::unexpected<Error> unknown(const JsonObject& step, std::string_view what) {
  return fail(Errc::kUnsupported, "{}: {} is not understood", step.at("type"), what);
}

Result<bool> flag_or(const JsonObject& object, std::string_view key, bool fallback) {
  const Json* value = object.find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_boolean())
    return fail(Errc::kInvalid, "{}: expected true or false, found {}", object.at(key),
                value->type_name());
  return value->get<bool>();
}

/// Calls `each` for the step at `key`, or for every step of a Sequence there, in order.
Result<void> for_each_step(const JsonObject& parent, std::string_view key, std::string_view list,
                           const std::function<Result<void>(const JsonObject&)>& each) {
  const Json* value = parent.find(key);
  if (value == nullptr || value->is_null()) return {};
  PX_TRY(const JsonObject step, JsonObject::of(*value, parent.at(key)));
  PX_TRY(const std::string type, step.text("type"));
  if (type != "Sequence") return each(step);
  PX_TRY(const Json* steps, step.array_or_null(list));
  if (steps == nullptr) return fail(Errc::kInvalid, "{} is missing", step.at(list));
  for (std::size_t i = 0; i < steps->size(); ++i) {
    PX_TRY(const JsonObject part,
           JsonObject::of((*steps)[i], fmt::format("{}[{}]", step.at(list), i)));
    PX_CHECK(each(part));
  }
  return {};
}

/// The value of pattern.String or pattern.Regex.
struct Pattern {
  bool is_regex = false;
  std::string text;
};
Result<Pattern> pattern_of(const JsonObject& step) {
  PX_TRY(const Json* value, step.need("pattern"));
  PX_TRY(const JsonObject pattern, JsonObject::of(*value, step.at("pattern")));
  Pattern out;
  out.is_regex = pattern.find("Regex") != nullptr;
  PX_TRY(out.text, pattern.text(out.is_regex ? "Regex" : "String"));
  return out;
}

/// Base64 with padding. Errors: kInvalid.
Result<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kLetters.find(c);
    if (value == std::string_view::npos)
      return fail(Errc::kInvalid, "precompiled_charsmap: not base64");
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>((bits >> count) & 0xFFU));
    bits &= (1U << count) - 1U;
  }
  return out;
}

Result<void> replace_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const Pattern pattern, pattern_of(step));
  PX_TRY(const std::string content, step.text("content"));
  if (!pattern.is_regex && pattern.text == " " && content == kSpmSpace) {
    out.space_sign = true;
    return {};
  }
  if (pattern.is_regex && pattern.text == " {2,}" && (content == " " || content == kSpmSpace)) {
    out.collapse_spaces = true;
    return {};
  }
  return unknown(step, fmt::format("Replace of '{}' by '{}'", pattern.text, content));
}

Result<void> bert_normalizer(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const bool clean, flag_or(step, "clean_text", true));
  PX_TRY(const bool chinese, flag_or(step, "handle_chinese_chars", true));
  PX_TRY(const bool lower, flag_or(step, "lowercase", true));
  // null means "as lowercase".
  PX_TRY(const bool strip, flag_or(step, "strip_accents", lower));
  if (!clean || !chinese || strip != lower)
    return unknown(step, "BertNormalizer with these options");
  out.normalization = lower ? text::Normalization::kBertUncased : text::Normalization::kBertCased;
  return {};
}

Result<void> normalizer_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const std::string type, step.text("type"));
  if (type == "NFC" || type == "NFKC") {
    out.normalization = type == "NFC" ? text::Normalization::kNfc : text::Normalization::kNfkc;
    return {};
  }
  if (type == "Prepend") {
    PX_TRY(const std::string prefix, step.text("prepend"));
    if (prefix != kSpmSpace) return unknown(step, fmt::format("Prepend of '{}'", prefix));
    out.space_prefix = true;
    return {};
  }
  if (type == "Replace") return replace_step(step, out);
  if (type == "BertNormalizer") return bert_normalizer(step, out);
  if (type == "Precompiled") {
    PX_TRY(const std::string map, step.text("precompiled_charsmap"));
    PX_TRY(out.charsmap, decode_base64(map));
    return {};
  }
  // Only unigram files have it, and there spaces at the ends go anyway.
  if (type == "Strip") {
    out.collapse_spaces = true;
    return {};
  }
  return unknown(step, type);
}

/// An expression in the spelling of the recipes: ASCII, with escapes for everything else.
std::string canonical(std::string_view expression) {
  if (expression == R"(\s+$)") return std::string(text::kSpacesAtEndExpression);
  std::string out;
  while (!expression.empty()) {
    const text::Utf8Step step = text::utf8_step(expression);
    if (step.code == '\r') {
      out += R"(\r)";
    } else if (step.code == '\n') {
      out += R"(\n)";
    } else if (step.code < 0x80) {
      out += static_cast<char>(step.code);
    } else {
      out += fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(step.code));
    }
    expression.remove_prefix(step.length);
  }
  return out;
}

Result<void> split_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const Pattern pattern, pattern_of(step));
  PX_TRY(const std::string behavior, step.text("behavior"));
  PX_TRY(const bool invert, flag_or(step, "invert", false));
  // Gemma splits at spaces after its normalizer has replaced them all: nothing happens.
  if (!pattern.is_regex && pattern.text == " " && out.space_sign) return {};
  // "Removed, inverted" keeps the matches and drops the gaps; the expressions leave none.
  const bool isolated = (behavior == "Isolated" && !invert) || (behavior == "Removed" && invert);
  if (!pattern.is_regex || !isolated)
    return unknown(step, fmt::format("Split at '{}', {}", pattern.text, behavior));
  out.expressions.push_back(canonical(pattern.text));
  return {};
}

Result<void> metaspace_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const std::string sign, step.text_or("replacement", kSpmSpace));
  if (sign != kSpmSpace) return unknown(step, fmt::format("Metaspace with '{}'", sign));
  PX_TRY(const bool old_prefix, flag_or(step, "add_prefix_space", true));
  PX_TRY(const std::string scheme, step.text_or("prepend_scheme", old_prefix ? "always" : "never"));
  if (scheme != "always" && scheme != "first" && scheme != "never")
    return unknown(step, fmt::format("prepend_scheme '{}'", scheme));
  PX_TRY(out.split_words, flag_or(step, "split", true));
  out.space_sign = true;
  out.space_prefix = scheme != "never";
  out.prefix_at_start_only = scheme == "first";
  out.prefix_unless_space = out.space_prefix;
  return {};
}

Result<void> byte_level_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const bool prefix, flag_or(step, "add_prefix_space", true));
  if (prefix) return unknown(step, "ByteLevel with add_prefix_space");
  PX_TRY(const bool regex, flag_or(step, "use_regex", true));
  if (regex) out.expressions.emplace_back(text::kGpt2Expression);
  out.byte_level = true;
  return {};
}

Result<void> pre_tokenizer_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const std::string type, step.text("type"));
  if (type == "Split") return split_step(step, out);
  if (type == "Metaspace") return metaspace_step(step, out);
  if (type == "ByteLevel") return byte_level_step(step, out);
  if (type == "Digits") {
    PX_TRY(const bool each, flag_or(step, "individual_digits", false));
    const auto run = out.byte_level ? text::kAsciiNumberExpression : text::kNumberExpression;
    out.expressions.emplace_back(each ? text::kDigitExpression : run);
    return {};
  }
  if (type == "Punctuation") {
    PX_TRY(const std::string behavior, step.text_or("behavior", "Isolated"));
    if (behavior != "Contiguous") return unknown(step, fmt::format("Punctuation, {}", behavior));
    out.expressions.emplace_back(text::kPunctuationExpression);
    return {};
  }
  if (type == "WhitespaceSplit") {
    out.collapse_spaces = true;
    return {};
  }
  if (type == "BertPreTokenizer") {
    out.bert_words = true;
    return {};
  }
  return unknown(step, type);
}

/// `single` of a TemplateProcessing: at most one special token on each side of sequence A.
Result<void> template_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const Json* items, step.array_or_null("single"));
  if (items == nullptr) return fail(Errc::kInvalid, "{} is missing", step.at("single"));
  bool after = false;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const std::string path = fmt::format("{}[{}]", step.at("single"), i);
    PX_TRY(const JsonObject item, JsonObject::of((*items)[i], path));
    if (item.find("Sequence") != nullptr) {
      after = true;
      continue;
    }
    PX_TRY(const Json* token, item.need("SpecialToken"));
    PX_TRY(const JsonObject special, JsonObject::of(*token, item.at("SpecialToken")));
    std::string& slot = after ? out.last_token : out.first_token;
    if (!slot.empty()) return unknown(step, "a template with two tokens on one side");
    PX_TRY(slot, special.text("id"));
  }
  return {};
}

/// ["spelling", id]
Result<std::string> token_pair(const JsonObject& step, std::string_view key) {
  PX_TRY(const Json* pair, step.need(key));
  if (!pair->is_array() || pair->size() != 2)
    return fail(Errc::kInvalid, "{}: expected [token, id]", step.at(key));
  return JsonObject::as_text((*pair)[0], step.at(key));
}

Result<void> post_processor_step(const JsonObject& step, TokenizerSteps& out) {
  PX_TRY(const std::string type, step.text("type"));
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return template_step(step, out);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    PX_TRY(out.first_token, token_pair(step, "cls"));
    PX_TRY(out.last_token, token_pair(step, "sep"));
    return {};
  }
  return unknown(step, type);
}

}  // namespace

Result<TokenizerSteps> read_tokenizer_steps(const JsonObject& root) {
  TokenizerSteps out;
  PX_CHECK(for_each_step(root, "normalizer", "normalizers",
                         [&](const JsonObject& step) { return normalizer_step(step, out); }));
  PX_CHECK(for_each_step(root, "pre_tokenizer", "pretokenizers",
                         [&](const JsonObject& step) { return pre_tokenizer_step(step, out); }));
  PX_CHECK(for_each_step(root, "post_processor", "processors",
                         [&](const JsonObject& step) { return post_processor_step(step, out); }));
  return out;
}

}  // namespace pxos::cartridges
