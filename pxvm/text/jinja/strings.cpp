#include "pxvm/text/jinja/strings.hpp"

#include "pxvm/text/utf8.hpp"

#include <algorithm>

namespace pxos::text::jinja {
namespace {

/// What Python's str.isspace accepts.
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

char upper_letter(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
char lower_letter(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_letter(char c) {
  return lower_letter(c) >= 'a' && lower_letter(c) <= 'z';
}

/// First byte of the last character.
std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
  return at;
}

// After `most` cuts the rest stays whole, its trailing white space included.
std::vector<std::string> split_at_spaces(std::string_view text, std::size_t most) {
  std::vector<std::string> parts;
  std::string_view rest = strip(text, "", Sides::kLeft);
  while (!rest.empty()) {
    std::size_t end = 0;
    while (end < rest.size() && !is_space(utf8_step(rest.substr(end)).code))
      end += utf8_step(rest.substr(end)).length;
    if (parts.size() == most) end = rest.size();
    parts.emplace_back(rest.substr(0, end));
    rest = strip(rest.substr(end), "", Sides::kLeft);
  }
  return parts;
}

}  // namespace

std::string_view strip(std::string_view text, std::string_view chars, Sides sides) {
  const auto goes = [&](std::string_view character) {
    if (chars.empty()) return is_space(utf8_step(character).code);
    return chars.find(character) != std::string_view::npos;
  };
  if (sides != Sides::kRight) {
    while (!text.empty()) {
      const std::size_t length = utf8_step(text).length;
      if (!goes(text.substr(0, length))) break;
      text.remove_prefix(length);
    }
  }
  if (sides != Sides::kLeft) {
    while (!text.empty()) {
      const std::size_t at = last_character(text);
      if (!goes(text.substr(at))) break;
      text = text.substr(0, at);
    }
  }
  return text;
}

std::vector<std::string> split(std::string_view text, std::string_view separator,
                               std::size_t most) {
  if (separator.empty()) return split_at_spaces(text, most);
  std::vector<std::string> parts;
  std::size_t found = 0;
  while (parts.size() < most && (found = text.find(separator)) != std::string_view::npos) {
    parts.emplace_back(text.substr(0, found));
    text.remove_prefix(found + separator.size());
  }
  parts.emplace_back(text);
  return parts;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    std::size_t most) {
  std::string out;
  std::size_t found = 0;
  while (!from.empty() && most-- > 0 && (found = text.find(from)) != std::string_view::npos) {
    out.append(text.substr(0, found)).append(to);
    text.remove_prefix(found + from.size());
  }
  return out.append(text);
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), upper_letter);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower_letter);
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out = lower(text);
  if (!out.empty()) out[0] = upper_letter(out[0]);
  return out;
}

std::string title(std::string_view text) {
  std::string out = lower(text);
  bool start = true;
  for (char& c : out) {
    if (start) c = upper_letter(c);
    start = !is_letter(c);
  }
  return out;
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t length = utf8_step(text).length;
    out.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace pxos::text::jinja
