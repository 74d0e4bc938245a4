#include "shell/command_line.hpp"

namespace pxos::shell {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The text behind an opening quote up to its closing one; `text` moves behind that. False: never
/// closed.
bool read_quoted(std::string_view& text, std::string& word) {
  const char quote = text.front();
  text.remove_prefix(1);
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == quote) return true;
    const bool escape =
        quote == '"' && c == '\\' && !text.empty() && (text.front() == '"' || text.front() == '\\');
    if (escape) {
      c = text.front();
      text.remove_prefix(1);
    }
    word += c;
  }
  return false;
}

}  // namespace

VerbAndRest split_verb(std::string_view line) {
  line = trimmed(line);
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  return {std::string(line.substr(0, end)), std::string(trimmed(line.substr(end)))};
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  text = trimmed(text);
  while (!text.empty()) {
    std::string word;
    while (!text.empty() && text.front() != ' ' && text.front() != '\t') {
      if (text.front() == '"' || text.front() == '\'') {
        const char quote = text.front();
        if (!read_quoted(text, word)) return fail(Errc::kUsage, "a {} is never closed", quote);
      } else {
        word += text.front();
        text.remove_prefix(1);
      }
    }
    words.push_back(std::move(word));
    text = trimmed(text);
  }
  return words;
}

std::vector<std::string> split_commands(std::string_view script) {
  std::vector<std::string> commands;
  std::string current;
  const auto finish = [&] {
    if (const std::string_view command = trimmed(current); !command.empty())
      commands.emplace_back(command);
    current.clear();
  };
  char quote = 0;
  for (std::size_t i = 0; i < script.size(); ++i) {
    const char c = script[i];
    if (quote == 0 && (c == ';' || c == '\n')) {
      finish();
      continue;
    }
    current += c;
    if (quote == '"' && c == '\\' && i + 1 < script.size()) {
      current += script[++i];
    } else if (c == quote) {
      quote = 0;
    } else if (quote == 0 && c == '"') {
      quote = c;  // an apostrophe is no quote here: it's in too many questions
    }
  }
  finish();
  return commands;
}

std::string free_text(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != '"') return std::string(text);
  std::string inner;
  std::string_view rest = text;
  const bool closed = read_quoted(rest, inner);
  return closed && rest.empty() ? inner : std::string(text);
}

std::string quote_word(std::string_view word) {
  if (!word.empty() && word.find_first_of(" \t\"'\\") == std::string_view::npos)
    return std::string(word);
  std::string out = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace pxos::shell
