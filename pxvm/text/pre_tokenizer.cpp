#define PCRE2_CODE_UNIT_WIDTH 8
#include "pxvm/text/pre_tokenizer.hpp"

#include "pxvm/text/tokenizer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <pcre2.h>

namespace pxos::text {
namespace {

// Unicode White_Space, spelled out: PCRE2's own \s also takes U+180E, which the vocabularies'
// reference implementations do not. \p{L} and \p{N} mean the same everywhere.
constexpr std::string_view kSpaces =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// Letters after contractions, numbers, other signs, then spaces (all but the last one before a
// word).
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigits = R"(\p{N})";
constexpr std::string_view kQwen2 =
    R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The expressions of a name, applied one after the other to the pieces the last one left.
struct Recipe {
  std::string_view name;
  std::array<std::string_view, 2> expressions;
  bool whole_words_first = false;
};

constexpr std::array<Recipe, 18> kRecipes = {{
    {"codeshell", {kDigits, kGpt2}},
    {"command-r", {kDigits, kGpt2}},
    {"dbrx", {kLlama3, {}}},
    {"deepseek-r1-qwen", {kQwen2, {}}},
    {"exaone", {kDigits, kGpt2}},
    {"falcon3", {kLlama3, {}}, true},
    {"gpt-2", {kGpt2, {}}},
    {"jais", {kGpt2, {}}},
    {"llama-bpe", {kLlama3, {}}, true},
    {"llama3", {kLlama3, {}}, true},
    {"mpt", {kGpt2, {}}},
    {"olmo", {kGpt2, {}}},
    {"qwen2", {kQwen2, {}}},
    {"refact", {kDigits, kGpt2}},
    {"smaug-bpe", {kLlama3, {}}},
    {"smollm", {kDigits, kGpt2}},
    {"stablelm2", {kQwen2, {}}},
    {"starcoder", {kDigits, kGpt2}},
}};

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct ContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using Code = std::unique_ptr<pcre2_code, CodeDeleter>;
using MatchData = std::unique_ptr<pcre2_match_data, MatchDeleter>;
using MatchContext = std::unique_ptr<pcre2_match_context, ContextDeleter>;

/// `expression` with \s and \S written as lists of kSpaces.
std::string expand_spaces(std::string_view expression) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const std::string_view two = expression.substr(i, 2);
    if (two == R"(\s)" || two == R"(\S)") {
      PX_ASSERT(!in_class || two == R"(\s)");
      const std::string_view open = two == R"(\s)" ? "[" : "[^";
      out += in_class ? std::string(kSpaces) : fmt::format("{}{}]", open, kSpaces);
      ++i;
      continue;
    }
    if (expression[i] == '[') in_class = true;
    if (expression[i] == ']') in_class = false;
    out.push_back(expression[i]);
  }
  return out;
}

// PCRE2 takes unsigned bytes; the same memory.
const std::uint8_t* code_units(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// Compiles a constant of this file; the just-in-time compiler is used where there is one.
Code compile(std::string_view expression) {
  const std::string pattern = expand_spaces(expression);
  int error = 0;
  PCRE2_SIZE offset = 0;
  Code code(pcre2_compile(code_units(pattern), pattern.size(), PCRE2_UTF | PCRE2_UCP, &error,
                          &offset, nullptr));
  PX_ASSERT(code != nullptr);
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

/// One pass over the text with one expression: matches and the gaps between them are both words.
class Splitter {
 public:
  explicit Splitter(const pcre2_code* code)
      : code_(code),
        data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    // Each expression is linear in the text (every alternative is a run of one class), so the limit
    // would only refuse long texts.
    if (context_) pcre2_set_match_limit(context_.get(), UINT32_MAX);
  }

  Result<void> split(std::string_view text, Word part, std::vector<Word>& out) const {
    if (!data_ || !context_) return fail(Errc::kLimit, "pre-tokenizer: out of memory");
    std::uint32_t gap = part.begin;
    for (std::uint32_t at = part.begin; at < part.end;) {
      const int found = match(text.substr(0, part.end), at);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0)
        return fail(Errc::kLimit, "pre-tokenizer: engine error {} at byte {}", found, at);
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data_.get());
      const auto begin = static_cast<std::uint32_t>(bounds[0]);
      const auto end = static_cast<std::uint32_t>(bounds[1]);
      PX_ASSERT(end > begin);
      if (begin > gap) out.push_back({gap, begin});
      out.push_back({begin, end});
      gap = at = end;
    }
    if (gap < part.end) out.push_back({gap, part.end});
    return {};
  }

 private:
  // The compiled form runs on a small stack of its own; a word that needs more is matched again by
  // the interpreter, which uses the heap.
  [[nodiscard]] int match(std::string_view subject, std::uint32_t at) const {
    const auto run = [&](std::uint32_t options) {
      return pcre2_match(code_, code_units(subject), subject.size(), at,
                         options | PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
    };
    const int found = run(0);
    return found == PCRE2_ERROR_JIT_STACKLIMIT ? run(PCRE2_NO_JIT) : found;
  }

  const pcre2_code* code_;
  MatchData data_;
  MatchContext context_;
};

constexpr auto kNames = [] {
  std::array<std::string_view, kRecipes.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kRecipes[i].name;
  return names;
}();
static_assert(std::is_sorted(kNames.begin(), kNames.end()));

}  // namespace

struct PreTokenizer::Impl {
  std::vector<Code> codes;
  bool whole_words_first = false;
};

PreTokenizer::PreTokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

Result<PreTokenizer> PreTokenizer::create(std::string_view name) {
  const auto* const recipe = std::find_if(kRecipes.begin(), kRecipes.end(),
                                          [&](const Recipe& r) { return r.name == name; });
  if (recipe == kRecipes.end())
    return fail(Errc::kUnsupported, "unknown pre-tokenizer '{}', this build has: {}", name,
                fmt::join(kNames, ", "));
  auto impl = std::make_unique<Impl>();
  for (const std::string_view expression : recipe->expressions) {
    if (!expression.empty()) impl->codes.push_back(compile(expression));
  }
  impl->whole_words_first = recipe->whole_words_first;
  return PreTokenizer(std::move(impl));
}

// Each expression sees one piece of the last at a time: its end is the end of the subject, so that
// lookaheads stop there.
Result<std::vector<Word>> PreTokenizer::split(std::string_view utf8) const {
  std::vector<Word> words = {{0, static_cast<std::uint32_t>(utf8.size())}};
  for (const Code& code : impl_->codes) {
    const Splitter splitter(code.get());
    std::vector<Word> finer;
    finer.reserve(words.size());
    for (const Word& word : words) PX_CHECK(splitter.split(utf8, word, finer));
    words = std::move(finer);
  }
  return words;
}

bool PreTokenizer::whole_words_first() const {
  return impl_->whole_words_first;
}

std::span<const std::string_view> pre_tokenizer_names() {
  return kNames;
}

}  // namespace pxos::text
