#include "pxvm/text/pre_tokenizer.hpp"

#include "pxvm/text/pre_tokenizer_recipes.hpp"
#include "pxvm/text/tokenizer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace pxos::text {
namespace {

// Unicode White_Space, spelled out: PCRE2's own \s also takes U+180E, which the vocabularies'
// reference implementations do not. \p{L} and \p{N} mean the same everywhere.
constexpr std::string_view kSpaces =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

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
    if (expression[i] == '\\') {  // any other escape, a bracket's among them
      out += two;
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
    const std::string_view subject = text.substr(part.begin, part.end - part.begin);
    const auto word = [&](std::uint32_t begin, std::uint32_t end) {
      if (end > begin) out.push_back({part.begin + begin, part.begin + end});
    };
    std::uint32_t gap = 0;
    while (gap < subject.size()) {
      const int found = match(subject, gap);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0)
        return fail(Errc::kLimit, "pre-tokenizer: engine error {} at byte {}", found,
                    part.begin + gap);
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data_.get());
      const auto begin = static_cast<std::uint32_t>(bounds[0]);
      const auto end = static_cast<std::uint32_t>(bounds[1]);
      PX_ASSERT(end > begin);
      word(gap, begin);
      word(begin, end);
      gap = end;
    }
    word(gap, static_cast<std::uint32_t>(subject.size()));
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
  const auto recipes = pre_tokenizer_recipes();
  const auto recipe = std::find_if(recipes.begin(), recipes.end(),
                                   [&](const PreTokenizerRecipe& r) { return r.name == name; });
  if (recipe == recipes.end())
    return fail(Errc::kUnsupported, "unknown pre-tokenizer '{}', this build has: {}", name,
                fmt::join(pre_tokenizer_names(), ", "));
  auto impl = std::make_unique<Impl>();
  for (const std::string_view expression : recipe->expressions) {
    if (!expression.empty()) impl->codes.push_back(compile(expression));
  }
  impl->whole_words_first = recipe->whole_words_first;
  return PreTokenizer(std::move(impl));
}

// Each expression sees one piece of the last at a time: its ends are the ends of the subject, so
// that lookaheads and lookbehinds stop there.
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

std::vector<std::string_view> pre_tokenizer_names() {
  std::vector<std::string_view> names;
  for (const PreTokenizerRecipe& recipe : pre_tokenizer_recipes()) names.push_back(recipe.name);
  return names;
}

std::optional<std::string_view> find_pre_tokenizer(std::span<const std::string> expressions,
                                                   bool whole_words_first) {
  std::optional<std::string_view> found;
  for (const PreTokenizerRecipe& recipe : pre_tokenizer_recipes()) {
    const auto end = std::find(recipe.expressions.begin(), recipe.expressions.end(), "");
    const bool same =
        std::equal(recipe.expressions.begin(), end, expressions.begin(), expressions.end());
    if (same && recipe.whole_words_first == whole_words_first) return recipe.name;
    if (same && !found) found = recipe.name;
  }
  return found;
}

}  // namespace pxos::text
