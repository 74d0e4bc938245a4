#include "pxvm/text/grammar/grammar.hpp"

#include "pxvm/text/grammar/utf8_ranges.hpp"
#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace pxos::text {
namespace {

using Kind = GrammarElement::Kind;
using Alternative = std::vector<GrammarElement>;

constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// Rules under construction: alternatives are whole vectors until everything is read.
class Builder {
 public:
  /// The rule called `name`, made without a definition if it is new.
  std::uint32_t named(const std::string& name) {
    const auto [entry, added] =
        names_.emplace(name, static_cast<std::uint32_t>(alternatives_.size()));
    if (added) alternatives_.emplace_back();
    return entry->second;
  }
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] bool is_defined(std::uint32_t rule) const { return !alternatives_[rule].empty(); }
  void define(std::uint32_t rule, std::vector<Alternative> alternatives) {
    for (const Alternative& a : alternatives) elements_ += a.size() + 1;
    alternatives_[rule] = std::move(alternatives);
  }
  GrammarElement make_rule(std::vector<Alternative> alternatives) {
    const auto rule = static_cast<std::uint32_t>(alternatives_.size());
    alternatives_.emplace_back();
    define(rule, std::move(alternatives));
    return {Kind::kRule, rule};
  }
  [[nodiscard]] bool is_too_large() const { return elements_ > Grammar::kMaxElements; }

  GrammarElement bytes(ByteRange range) {
    std::bitset<256> set;
    for (unsigned b = range.low; b <= range.high; ++b) set.set(b);
    return bytes(set);
  }
  GrammarElement bytes(const std::bitset<256>& set) {
    const auto [entry, added] =
        set_index_.emplace(set.to_string(), static_cast<std::uint32_t>(sets_.size()));
    if (added) sets_.push_back(set);
    return {Kind::kBytes, entry->second};
  }

  /// The characters of `ranges` as one element: their ASCII part is one set, the rest sequences.
  GrammarElement characters(const std::vector<CharacterRange>& ranges) {
    std::bitset<256> ascii;
    std::vector<Alternative> alternatives;
    for (const CharacterRange& range : ranges) {
      for (const ByteSequence& sequence : utf8_sequences(range)) {
        if (sequence.size() == 1) {
          for (unsigned b = sequence[0].low; b <= sequence[0].high; ++b) ascii.set(b);
          continue;
        }
        Alternative alternative;
        for (const ByteRange& byte : sequence) alternative.push_back(bytes(byte));
        alternatives.push_back(std::move(alternative));
      }
    }
    if (alternatives.empty()) return bytes(ascii);
    if (ascii.any()) alternatives.push_back({bytes(ascii)});
    return make_rule(std::move(alternatives));
  }

  /// `element` from `least` to `most` times. A loop is a rule whose last symbol is itself.
  void repeat(GrammarElement element, std::uint32_t least, std::uint32_t most, Alternative& out) {
    for (std::uint32_t i = 0; i < least; ++i) out.push_back(element);
    if (most == kUnbounded) {
      const auto loop = static_cast<std::uint32_t>(alternatives_.size());
      alternatives_.emplace_back();
      define(loop, {{element, {Kind::kRule, loop}}, {}});
      out.push_back({Kind::kRule, loop});
      return;
    }
    // x{0,3} = (x (x (x)?)?)?, built from the inside.
    std::optional<GrammarElement> inner;
    for (std::uint32_t i = least; i < most; ++i) {
      Alternative some = {element};
      if (inner) some.push_back(*inner);
      inner = make_rule({some, {}});
    }
    if (inner) out.push_back(*inner);
  }

  Result<Grammar> finish() {
    for (const auto& [name, rule] : names_) {
      if (!is_defined(rule)) return fail(Errc::kInvalid, "grammar: rule '{}' is not defined", name);
    }
    const auto root = find("root");
    if (!root) return fail(Errc::kInvalid, "grammar: no rule 'root'");
    Grammar out;
    out.root = *root;
    out.byte_sets = std::move(sets_);
    for (const std::vector<Alternative>& alternatives : alternatives_) {
      std::vector<std::uint32_t>& starts = out.rules.emplace_back();
      for (const Alternative& alternative : alternatives) {
        starts.push_back(static_cast<std::uint32_t>(out.elements.size()));
        out.elements.insert(out.elements.end(), alternative.begin(), alternative.end());
        out.elements.emplace_back();
      }
    }
    PX_CHECK(refuse_left_recursion());
    return out;
  }

 private:
  [[nodiscard]] std::string name_of(std::uint32_t rule) const {
    for (const auto& [name, index] : names_) {
      if (index == rule) return name;
    }
    return "(group)";
  }

  /// Rules that may match nothing: whenever one is found, those that mention it are looked at
  /// again.
  [[nodiscard]] std::vector<bool> find_empty() const {
    std::vector<bool> empty(alternatives_.size(), false);
    std::vector<std::vector<std::uint32_t>> mentions(alternatives_.size());
    std::vector<std::uint32_t> queue;
    for (std::uint32_t rule = 0; rule < alternatives_.size(); ++rule) {
      queue.push_back(rule);
      for (const Alternative& alternative : alternatives_[rule]) {
        for (const GrammarElement& e : alternative) {
          if (e.kind == Kind::kRule) mentions[e.index].push_back(rule);
        }
      }
    }
    const auto can_be_empty = [&](const Alternative& a) {
      return std::all_of(a.begin(), a.end(), [&](const GrammarElement& e) {
        return e.kind == Kind::kRule && empty[e.index];
      });
    };
    while (!queue.empty()) {
      const std::uint32_t rule = queue.back();
      queue.pop_back();
      const auto& all = alternatives_[rule];
      if (empty[rule] || std::none_of(all.begin(), all.end(), can_be_empty)) continue;
      empty[rule] = true;
      queue.insert(queue.end(), mentions[rule].begin(), mentions[rule].end());
    }
    return empty;
  }

  /// Depth-first over "may stand at the beginning of", with an own stack: rules nest deeply.
  [[nodiscard]] Result<void> refuse_left_recursion() const {
    const std::vector<bool> empty = find_empty();
    std::vector<std::vector<std::uint32_t>> begins(alternatives_.size());
    for (std::size_t rule = 0; rule < alternatives_.size(); ++rule) {
      for (const Alternative& alternative : alternatives_[rule]) {
        for (const GrammarElement& e : alternative) {
          if (e.kind == Kind::kRule) begins[rule].push_back(e.index);
          if (e.kind != Kind::kRule || !empty[e.index]) break;
        }
      }
    }
    enum class Mark : std::uint8_t { kNew, kOpen, kDone };
    std::vector<Mark> marks(alternatives_.size(), Mark::kNew);
    struct Visit {
      std::uint32_t rule;
      std::size_t next;
    };
    for (std::uint32_t start = 0; start < begins.size(); ++start) {
      if (marks[start] != Mark::kNew) continue;
      std::vector<Visit> stack = {{start, 0}};
      marks[start] = Mark::kOpen;
      while (!stack.empty()) {
        const std::uint32_t rule = stack.back().rule;
        if (stack.back().next == begins[rule].size()) {
          marks[rule] = Mark::kDone;
          stack.pop_back();
          continue;
        }
        const std::uint32_t child = begins[rule][stack.back().next++];
        if (marks[child] == Mark::kOpen)
          return fail(Errc::kInvalid, "grammar: rule '{}' is left-recursive", name_of(child));
        if (marks[child] == Mark::kDone) continue;
        marks[child] = Mark::kOpen;
        stack.push_back({child, 0});
      }
    }
    return {};
  }

  std::map<std::string, std::uint32_t> names_;
  std::vector<std::vector<Alternative>> alternatives_;  ///< of each rule; none = not defined
  std::vector<std::bitset<256>> sets_;
  std::map<std::string, std::uint32_t> set_index_;
  std::size_t elements_ = 0;
};

/// Recursive descent over the text.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Grammar> parse() {
    skip_space(true);
    while (at_ < text_.size()) {
      PX_CHECK(rule());
      skip_space(true);
    }
    return builder_.finish();
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] tl::unexpected<Error> error(std::string_view what) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t start = before.rfind('\n');
    const std::size_t column = start == std::string_view::npos ? at_ + 1 : at_ - start;
    return fail(Errc::kInvalid, "grammar {}:{}: {}", line, column, what);
  }

  void skip_space(bool newlines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Result<std::string> name() {
    const std::size_t begin = at_;
    while (is_name_character(peek())) ++at_;
    if (at_ == begin) return error("expected a name");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<void> rule() {
    PX_TRY(const std::string rule_name, name());
    skip_space(false);
    if (text_.substr(at_, 3) != "::=") return error("expected ::=");
    at_ += 3;
    skip_space(true);
    const std::uint32_t index = builder_.named(rule_name);
    if (builder_.is_defined(index)) return error("rule '" + rule_name + "' is defined twice");
    PX_TRY(std::vector<Alternative> all, alternatives(0));
    builder_.define(index, std::move(all));
    if (at_ < text_.size() && peek() != '\n' && peek() != '\r')
      return error("expected the end of the line");
    return {};
  }

  Result<std::vector<Alternative>> alternatives(std::size_t depth) {
    if (depth > Grammar::kMaxNesting) return error("parentheses nest too deeply");
    std::vector<Alternative> all;
    while (true) {
      PX_TRY(Alternative one, sequence(depth));
      all.push_back(std::move(one));
      if (peek() != '|') return all;
      ++at_;
      skip_space(true);
    }
  }

  Result<Alternative> sequence(std::size_t depth) {
    Alternative out;
    while (true) {
      if (builder_.is_too_large() || out.size() > Grammar::kMaxElements)
        return fail(Errc::kLimit, "grammar: more than {} symbols", Grammar::kMaxElements);
      const char c = peek();
      Alternative item;
      if (c == '"') {
        PX_TRY(item, literal());
      } else if (c == '[' || c == '.') {
        PX_TRY(const GrammarElement element, character_class());
        item.push_back(element);
      } else if (c == '(') {
        PX_TRY(const GrammarElement element, group(depth));
        item.push_back(element);
      } else if (is_name_character(c)) {
        PX_TRY(const std::string rule_name, name());
        item.push_back({Kind::kRule, builder_.named(rule_name)});
      } else {
        return out;
      }
      PX_CHECK(repetition(std::move(item), out));
      skip_space(depth > 0);
    }
  }

  Result<GrammarElement> group(std::size_t depth) {
    ++at_;
    skip_space(true);
    PX_TRY(std::vector<Alternative> all, alternatives(depth + 1));
    if (peek() != ')') return error("expected )");
    ++at_;
    return builder_.make_rule(std::move(all));
  }

  /// What follows an item: nothing, or how often it comes.
  Result<void> repetition(Alternative item, Alternative& out) {
    skip_space(false);
    std::uint32_t least = 1;
    std::uint32_t most = 1;
    const char c = peek();
    if (c == '*' || c == '?') least = 0;
    if (c == '*' || c == '+') most = kUnbounded;
    if (c == '*' || c == '+' || c == '?') {
      ++at_;
    } else if (c == '{') {
      PX_CHECK(bounds(least, most));
    } else {
      out.insert(out.end(), item.begin(), item.end());
      return {};
    }
    if (item.empty()) return {};  // "" any number of times
    const GrammarElement element = item.size() == 1 ? item[0] : builder_.make_rule({item});
    builder_.repeat(element, least, most, out);
    return {};
  }

  Result<std::uint32_t> number() {
    std::uint32_t value = 0;
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + static_cast<std::uint32_t>(peek() - '0');
      if (value > Grammar::kMaxRepeats)
        return error(fmt::format("more than {} repetitions", Grammar::kMaxRepeats));
      ++at_;
    }
    if (at_ == begin) return error("expected a number");
    return value;
  }

  Result<void> bounds(std::uint32_t& least, std::uint32_t& most) {
    ++at_;
    skip_space(false);
    least = 0;
    if (peek() != ',') {
      PX_TRY(least, number());
    }
    most = least;
    skip_space(false);
    if (peek() == ',') {
      ++at_;
      skip_space(false);
      most = kUnbounded;
      if (peek() != '}') {
        PX_TRY(most, number());
      }
      skip_space(false);
    }
    if (peek() != '}') return error("expected }");
    ++at_;
    if (most < least) return error("the upper bound is below the lower one");
    return {};
  }

  Result<char32_t> hex(unsigned digits) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      const bool lower = c >= 'a' && c <= 'f';
      const bool upper = c >= 'A' && c <= 'F';
      if (!lower && !upper && (c < '0' || c > '9')) return error("expected a hexadecimal digit");
      const int digit = lower ? c - 'a' + 10 : upper ? c - 'A' + 10 : c - '0';
      value = (value << 4U) | static_cast<std::uint32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
      return error("no character has this number");
    return static_cast<char32_t>(value);
  }

  /// The next character of a literal or class, escapes understood.
  Result<char32_t> character() {
    if (at_ >= text_.size()) return error("the text ends inside a literal");
    const Utf8Step step = utf8_step(text_.substr(at_));
    if (step.kind != Utf8Step::Kind::kCharacter) return error("not UTF-8");
    at_ += step.length;
    if (step.code != '\\') return step.code;
    const char c = peek();
    ++at_;
    switch (c) {
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case 'x':
        return hex(2);
      case 'u':
        return hex(4);
      case 'U':
        return hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<char32_t>(c);
      default:
        --at_;
        return error("unknown escape");
    }
  }

  Result<Alternative> literal() {
    ++at_;
    Alternative out;
    while (peek() != '"') {
      PX_TRY(const char32_t code, character());
      std::string bytes;
      append_utf8(bytes, code);
      for (const char byte : bytes) {
        const auto b = static_cast<std::uint8_t>(byte);
        out.push_back(builder_.bytes(ByteRange{b, b}));
      }
    }
    ++at_;
    return out;
  }

  Result<GrammarElement> character_class() {
    std::vector<CharacterRange> ranges;
    bool negated = true;  // "." is the class that excludes nothing
    if (peek() == '.') {
      ++at_;
    } else {
      ++at_;
      negated = peek() == '^';
      if (negated) ++at_;
      while (peek() != ']') {
        PX_TRY(const char32_t low, character());
        char32_t high = low;
        if (peek() == '-' && text_.substr(at_, 2) != "-]") {
          ++at_;
          PX_TRY(high, character());
        }
        if (high < low) return error("a range that ends before it begins");
        ranges.push_back({low, high});
      }
      ++at_;
    }
    const std::vector<CharacterRange> all = normalise_ranges(std::move(ranges), negated);
    if (all.empty()) return error("a class without characters");
    return builder_.characters(all);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Builder builder_;
};

}  // namespace

Result<Grammar> Grammar::parse(std::string_view gbnf) {
  if (gbnf.size() > kMaxSourceBytes)
    return fail(Errc::kLimit, "grammar of {} bytes, at most {}", gbnf.size(), kMaxSourceBytes);
  return Parser(gbnf).parse();
}

}  // namespace pxos::text
