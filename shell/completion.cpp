#include "shell/completion.hpp"

#include "shell/command.hpp"
#include "shell/command_line.hpp"

#include <algorithm>

namespace pxos::shell {
namespace {

namespace fs = std::filesystem;

/// A folder with more entries than this is not offered whole: typing on is faster than looking.
constexpr std::size_t kMostFiles = 500;

void add_matching(std::vector<std::string>& candidates, std::string candidate,
                  std::string_view word) {
  if (candidate.starts_with(word)) candidates.push_back(std::move(candidate));
}

/// Entries of the folder the word is in; folders end with '/'. Empty extension: every file.
void add_files(std::vector<std::string>& candidates, const std::string& word,
               std::string_view extension) {
  const std::size_t slash = word.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : word.substr(0, slash + 1);
  const std::string stem = word.substr(folder.size());
  std::error_code error;
  fs::directory_iterator it(folder.empty() ? "." : folder, error);
  for (std::size_t n = 0; !error && it != fs::directory_iterator() && n < kMostFiles; ++n) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    const bool is_folder = it->is_directory(ignored);
    const bool hidden = name.starts_with('.') && !stem.starts_with('.');
    const bool wanted = is_folder || extension.empty() || it->path().extension() == extension;
    if (wanted && !hidden) add_matching(candidates, folder + name + (is_folder ? "/" : ""), word);
    it.increment(error);
  }
}

void add_stored_cartridges(std::vector<std::string>& candidates, const Paths& paths,
                           std::string_view word) {
  std::error_code ignored;
  for (const fs::path& file : find_cartridges(paths)) {
    if (fs::equivalent(file.parent_path(), paths.cartridges(), ignored))
      add_matching(candidates, file.stem().string(), word);
  }
  add_matching(candidates, "welcome", word);
}

void add_arguments(std::vector<std::string>& candidates, const ShellState& state,
                   Completes completes, const std::string& word) {
  switch (completes) {
    case Completes::kNothing:
      break;
    case Completes::kCommand:
      for (const CommandInfo& command : commands())
        add_matching(candidates, std::string(command.name), word);
      break;
    case Completes::kMount:
      for (const std::string& name : state.mounted()) add_matching(candidates, name, word);
      break;
    case Completes::kCartridge:
      if (word.find('/') == std::string::npos)
        add_stored_cartridges(candidates, state.paths(), word);
      add_files(candidates, word, ".pxa");
      break;
    case Completes::kFile:
      add_files(candidates, word, "");
      break;
  }
}

}  // namespace

Completion complete_line(const ShellState& state, std::string_view text, std::size_t cursor) {
  const std::string_view before = text.substr(0, std::min(cursor, text.size()));
  Completion completion;
  completion.begin = before.rfind(' ') == std::string_view::npos ? 0 : before.rfind(' ') + 1;
  const std::string word(before.substr(completion.begin));
  const std::string verb = split_verb(before.substr(0, completion.begin)).verb;
  if (verb.empty()) {
    for (const CommandInfo& command : commands())
      add_matching(completion.candidates, std::string(command.name), word);
    if (word.empty()) completion.candidates.clear();  // Tab on nothing is not a question
  } else if (const CommandInfo* command = find_command(verb)) {
    add_arguments(completion.candidates, state, command->completes, word);
  }
  auto& candidates = completion.candidates;
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return completion;
}

}  // namespace pxos::shell
