#include "shell/history.hpp"

#include "pxvm/base/file.hpp"

#include <algorithm>
#include <fstream>

namespace pxos::shell {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{8} << 20U;

}  // namespace

History History::load(std::filesystem::path file) {
  History history;
  history.file_ = std::move(file);
  if (history.file_.empty()) return history;
  const auto content = read_file(history.file_, kMaxFileBytes);
  if (!content) return history;
  std::string_view rest = as_text(*content);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) history.lines_.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  // A file that has grown to twice the limit is written anew, once per start.
  if (history.lines_.size() <= kMaxLines) return history;
  const bool rewrite = history.lines_.size() > 2 * kMaxLines;
  history.lines_.erase(history.lines_.begin(),
                       history.lines_.end() - static_cast<std::ptrdiff_t>(kMaxLines));
  if (!rewrite) return history;
  std::string kept;
  for (const std::string& line : history.lines_) kept += line + '\n';
  static_cast<void>(write_file_atomic(history.file_, as_bytes(kept)));
  return history;
}

void History::add(std::string_view line) {
  if (line.empty() || line.front() == ' ' || line.find('\n') != std::string_view::npos) return;
  if (!lines_.empty() && lines_.back() == line) return;
  lines_.emplace_back(line);
  if (lines_.size() > kMaxLines) lines_.erase(lines_.begin());
  store(line);
}

std::size_t History::find(std::string_view wanted, std::size_t before) const {
  for (std::size_t i = std::min(before, lines_.size()); i > 0; --i) {
    if (lines_[i - 1].find(wanted) != std::string::npos) return i - 1;
  }
  return lines_.size();
}

void History::store(std::string_view line) const {
  if (file_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(file_.parent_path(), ignored);
  std::ofstream out(file_, std::ios::app);
  out << line << '\n';
}

}  // namespace pxos::shell
