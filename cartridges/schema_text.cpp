#include "cartridges/schema_text.hpp"

#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace pxos::cartridges {
namespace {

constexpr std::int64_t kLargest = 9'999'999'999'999'999;  // 16 digits
constexpr int kMaxNesting = 50;

std::string digit_class(char low, char high) {
  return low == high ? fmt::format("\"{}\"", low) : fmt::format("[{}-{}]", low, high);
}

/// `count` digits of any value.
std::string digits(std::size_t count) {
  return count == 0 ? "" : fmt::format(" [0-9]{{{}}}", count);
}

/// Numbers of the same length from `low` to `high`, appended as alternatives. The common beginning
/// stays; at the first digit that differs there is a lower edge, a full middle and an upper edge.
void same_length(const std::string& low, const std::string& high, const std::string& prefix,
                 std::vector<std::string>& out) {
  const auto differ = static_cast<std::size_t>(
      std::mismatch(low.begin(), low.end(), high.begin()).first - low.begin());
  if (differ == low.size()) {
    out.push_back(fmt::format("\"{}{}\"", prefix, low));
    return;
  }
  const std::string begin = prefix + low.substr(0, differ);
  const std::size_t rest = low.size() - differ - 1;
  const std::string zeros(rest, '0');
  const std::string nines(rest, '9');
  const bool low_is_full = low.substr(differ + 1) == zeros;
  const bool high_is_full = high.substr(differ + 1) == nines;
  const char from = static_cast<char>(low[differ] + (low_is_full ? 0 : 1));
  const char to = static_cast<char>(high[differ] - (high_is_full ? 0 : 1));
  if (!low_is_full) same_length(low.substr(differ + 1), nines, begin + low[differ], out);
  if (from <= to)
    out.push_back(fmt::format("\"{}\" {}{}", begin, digit_class(from, to), digits(rest)));
  if (!high_is_full) same_length(zeros, high.substr(differ + 1), begin + high[differ], out);
}

/// 0 <= low <= high, by length.
void non_negative(std::int64_t low, std::int64_t high, const std::string& sign,
                  std::vector<std::string>& out) {
  std::int64_t first = low;
  while (first <= high) {
    const std::string text = std::to_string(first);
    const std::int64_t last =
        std::min<std::int64_t>(high, std::stoll(std::string(text.size(), '9')));
    same_length(text, std::to_string(last), sign, out);
    first = last + 1;
  }
}

/// A pattern's text on its way to GBNF.
class Pattern {
 public:
  explicit Pattern(std::string_view text) : text_(text) {}

  Result<std::string> convert() {
    const bool from_start = text_.starts_with('^');
    if (from_start) ++at_;
    PX_TRY(const std::string inside, alternatives(0));
    const bool to_end = at_ < text_.size() && text_[at_] == '$';
    if (to_end) ++at_;
    if (at_ != text_.size()) return unsupported("a lone parenthesis or an anchor in the middle");
    return fmt::format("{}({}){}", from_start ? "" : "char* ", inside, to_end ? "" : " char*");
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] tl::unexpected<Error> unsupported(std::string_view what) const {
    return fail(Errc::kUnsupported, "'{}' at {}: {} is not understood", text_, at_, what);
  }

  Result<std::string> alternatives(int depth) {
    if (depth > kMaxNesting) return unsupported("such deep nesting");
    std::string out;
    while (true) {
      PX_TRY(const std::string one, sequence(depth));
      out += one.empty() ? R"("")" : one;
      if (peek() != '|') return out;
      ++at_;
      out += " | ";
    }
  }

  Result<std::string> sequence(int depth) {
    std::string out;
    while (at_ < text_.size() && peek() != '|' && peek() != ')') {
      if (peek() == '$') return out;
      PX_TRY(const std::string item, atom(depth));
      PX_TRY(const std::string often, repetition());
      out += fmt::format("{}{}{}", out.empty() ? "" : " ", item, often);
    }
    return out;
  }

  Result<std::string> atom(int depth) {
    const char c = peek();
    if (c == '(') return group(depth);
    if (c == '[') return bracket();
    if (c == '^' || c == '*' || c == '+' || c == '?' || c == '{')
      return unsupported(std::string(1, c));
    if (c == '.') {
      ++at_;
      return std::string("char");
    }
    if (c == '\\') return escape();
    const std::size_t length = text::utf8_step(text_.substr(at_)).length;
    const std::string_view character = text_.substr(at_, length);
    at_ += length;
    // In a JSON string these are written with a backslash.
    if (character == "\"") return std::string(R"("\\\"")");
    return quote_gbnf(character);
  }

  Result<std::string> group(int depth) {
    ++at_;
    if (peek() == '?') {
      if (text_.substr(at_, 2) != "?:") return unsupported("a group of this kind");
      at_ += 2;
    }
    PX_TRY(const std::string inside, alternatives(depth + 1));
    if (peek() != ')') return unsupported("a group without an end");
    ++at_;
    return "(" + inside + ")";
  }

  Result<std::string> escape() {
    ++at_;
    const char c = peek();
    ++at_;
    switch (c) {
      case 'd':
        return std::string("[0-9]");
      case 'w':
        return std::string("[a-zA-Z0-9_]");
      case 's':
        return std::string("[ ]");
      case '"':
        return std::string(R"("\\\"")");
      case '\\':
        return std::string(R"("\\\\")");
      case 'n':
        return std::string(R"("\\n")");
      case 't':
        return std::string(R"("\\t")");
      default:
        break;
    }
    const bool is_sign = c > ' ' && c < '\x7F' && std::isalnum(static_cast<unsigned char>(c)) == 0;
    if (!is_sign) return unsupported("this escape");
    return quote_gbnf({&c, 1});
  }

  /// A class, as GBNF writes it; what JSON would escape cannot be in it.
  Result<std::string> bracket() {
    std::string out = "[";
    ++at_;
    const bool negated = peek() == '^';
    if (negated) {
      ++at_;
      out += R"(^"\\\x00-\x1F)";
    }
    while (at_ < text_.size() && peek() != ']') {
      if (peek() == '"' || text_.substr(at_, 2) == R"(\\)")
        return unsupported("a class with quotes or backslashes");
      if (peek() != '\\') {
        out += peek() == '[' ? R"(\[)" : std::string(1, peek());
        ++at_;
        continue;
      }
      PX_TRY(const std::string part, class_escape());
      out += part;
    }
    if (peek() != ']') return unsupported("a class without an end");
    ++at_;
    return out + "]";
  }

  Result<std::string> class_escape() {
    ++at_;
    const char c = peek();
    ++at_;
    if (c == 'd') return std::string("0-9");
    if (c == 'w') return std::string("a-zA-Z0-9_");
    if (c == 's') return std::string(" ");
    if (c == ']' || c == '[' || c == '-' || c == '^') return fmt::format("\\{}", c);
    const bool is_sign = c > ' ' && c < '\x7F' && std::isalnum(static_cast<unsigned char>(c)) == 0;
    if (!is_sign) return unsupported("this escape in a class");
    return std::string(1, c);
  }

  Result<std::string> repetition() {
    const char c = peek();
    std::string out;
    if (c == '*' || c == '+' || c == '?') {
      out = c;
      ++at_;
    } else if (c == '{') {
      const std::size_t end = text_.find('}', at_);
      if (end == std::string_view::npos) return unsupported("{ without }");
      out = text_.substr(at_, end + 1 - at_);
      at_ = end + 1;
    }
    if (!out.empty() && (peek() == '?' || peek() == '+')) return unsupported("a second quantifier");
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::string quote_gbnf(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string repeat_gbnf(std::int64_t least, std::int64_t most) {
  if (most < 0) return fmt::format("{{{},}}", least);
  return fmt::format("{{{},{}}}", least, most);
}

std::string integer_range_gbnf(std::optional<std::int64_t> least,
                               std::optional<std::int64_t> most) {
  const std::int64_t low = std::max(least.value_or(-kLargest), -kLargest);
  const std::int64_t high = std::min(most.value_or(kLargest), kLargest);
  std::vector<std::string> out;
  if (low < 0) non_negative(std::max<std::int64_t>(1, -high), -low, "-", out);
  if (high >= 0) non_negative(std::max<std::int64_t>(0, low), high, "", out);
  return fmt::format("{}", fmt::join(out, " | "));
}

Result<std::string> pattern_gbnf(std::string_view pattern) {
  return Pattern(pattern).convert();
}

Result<std::string> format_gbnf(std::string_view format) {
  constexpr std::string_view kDate =
      R"([0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]))";
  constexpr std::string_view kTime =
      R"(([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? )"
      R"(("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9]))";
  if (format == "date") return std::string(kDate);
  if (format == "time") return std::string(kTime);
  if (format == "date-time") return fmt::format("{} \"T\" {}", kDate, kTime);
  if (format == "uuid")
    return std::string(
        R"([0-9a-fA-F]{8} "-" [0-9a-fA-F]{4} "-" [0-9a-fA-F]{4} "-" [0-9a-fA-F]{4} "-" )"
        R"([0-9a-fA-F]{12})");
  return fail(Errc::kUnsupported, "'{}' is not understood (date, time, date-time, uuid are)",
              format);
}

}  // namespace pxos::cartridges
