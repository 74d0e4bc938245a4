#include "shell/line_editor.hpp"

#include <algorithm>

namespace pxos::shell {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

/// Letters, digits and everything beyond ASCII: what M-b and M-f take for a word.
bool in_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string common_prefix(const std::vector<std::string>& words) {
  std::string prefix = words.front();
  for (const std::string& word : words) {
    const auto end = std::mismatch(prefix.begin(), prefix.end(), word.begin(), word.end()).first;
    prefix.erase(end, prefix.end());
  }
  while (!prefix.empty() && prefix.size() < words.front().size() &&
         continues(words.front()[prefix.size()]))
    prefix.pop_back();  // two words may share the first byte of a character
  return prefix;
}

}  // namespace

std::size_t LineEditor::previous(std::size_t at) const {
  if (at == 0) return 0;
  --at;
  while (at > 0 && continues(text_[at])) --at;
  return at;
}

std::size_t LineEditor::next(std::size_t at) const {
  if (at >= text_.size()) return text_.size();
  ++at;
  while (at < text_.size() && continues(text_[at])) ++at;
  return at;
}

std::size_t LineEditor::word_left(std::size_t at) const {
  while (at > 0 && !in_word(text_[at - 1])) --at;
  while (at > 0 && in_word(text_[at - 1])) --at;
  return at;
}

std::size_t LineEditor::word_right(std::size_t at) const {
  while (at < text_.size() && !in_word(text_[at])) ++at;
  while (at < text_.size() && in_word(text_[at])) ++at;
  return at;
}

void LineEditor::insert(std::string_view utf8) {
  std::string clean;
  for (const char c : utf8) {
    if (c == '\n' || c == '\t') {
      clean += ' ';
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
      clean += c;
    }
  }
  if (search_) {
    search_->wanted += clean;
    search_again(history_.size());
    return;
  }
  std::size_t room = kMaxBytes - std::min(kMaxBytes, text_.size());
  room = std::min(room, clean.size());
  while (room > 0 && room < clean.size() && continues(clean[room])) --room;
  text_.insert(cursor_, clean, 0, room);
  cursor_ += room;
  killing_ = false;
  candidates_.clear();
}

void LineEditor::set_text(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
}

std::string LineEditor::take_line() {
  std::string line = std::move(text_);
  text_.clear();
  cursor_ = 0;
  recalled_.reset();
  unfinished_.clear();
  candidates_.clear();
  return line;
}

void LineEditor::erase(std::size_t begin, std::size_t end) {
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void LineEditor::kill(std::size_t begin, std::size_t end) {
  const std::string cut = text_.substr(begin, end - begin);
  if (!killing_) killed_.clear();
  killed_ = begin < cursor_ ? cut + killed_ : killed_ + cut;
  erase(begin, end);
  killing_ = true;
}

void LineEditor::transpose() {
  if (cursor_ == 0 || text_.empty()) return;
  const std::size_t middle = cursor_ == text_.size() ? previous(cursor_) : cursor_;
  const std::size_t begin = previous(middle);
  const std::size_t end = next(middle);
  std::rotate(text_.begin() + static_cast<std::ptrdiff_t>(begin),
              text_.begin() + static_cast<std::ptrdiff_t>(middle),
              text_.begin() + static_cast<std::ptrdiff_t>(end));
  cursor_ = end;
}

EditAction LineEditor::handle(const KeyStroke& stroke) {
  if (search_) return search_key(stroke);
  if (stroke.key != Key::kTab) candidates_.clear();
  const bool was_killing = killing_;
  const bool kills =
      stroke.key == Key::kLetter &&
      ((stroke.ctrl && std::string_view("kuw").find(stroke.letter) != std::string_view::npos) ||
       (stroke.alt && stroke.letter == 'd'));
  killing_ = was_killing && kills;
  if (stroke.key != Key::kLetter) return special(stroke);
  if (stroke.ctrl) return control(stroke.letter);
  if (stroke.alt) meta(stroke.letter);
  return EditAction::kNone;
}

EditAction LineEditor::control(char letter) {
  switch (letter) {
    case 'c':
      return EditAction::kInterrupt;
    case 'd':
      if (text_.empty()) return EditAction::kEnd;
      break;
    case 'j':
    case 'm':
      return EditAction::kSubmit;
    case 'l':
      return EditAction::kClear;
    case 'n':
      recall(1);
      break;
    case 'p':
      recall(-1);
      break;
    case 'r':
      search_ = Search{{}, text_, history_.size()};
      break;
    default:
      break;
  }
  if (!move(letter)) change(letter);
  return EditAction::kNone;
}

bool LineEditor::move(char letter) {
  switch (letter) {
    case 'a':
      cursor_ = 0;
      return true;
    case 'b':
      cursor_ = previous(cursor_);
      return true;
    case 'e':
      cursor_ = text_.size();
      return true;
    case 'f':
      cursor_ = next(cursor_);
      return true;
    default:
      return false;
  }
}

void LineEditor::change(char letter) {
  switch (letter) {
    case 'd':
      erase(cursor_, next(cursor_));
      break;
    case 'h':
      erase(previous(cursor_), cursor_);
      break;
    case 'k':
      kill(cursor_, text_.size());
      break;
    case 't':
      transpose();
      break;
    case 'u':
      kill(0, cursor_);
      break;
    case 'w': {
      std::size_t begin = cursor_;
      while (begin > 0 && text_[begin - 1] == ' ') --begin;
      while (begin > 0 && text_[begin - 1] != ' ') --begin;
      kill(begin, cursor_);
      break;
    }
    case 'y':
      insert(killed_);
      break;
    default:
      break;
  }
}

void LineEditor::meta(char letter) {
  if (letter == 'b') cursor_ = word_left(cursor_);
  if (letter == 'f') cursor_ = word_right(cursor_);
  if (letter == 'd') kill(cursor_, word_right(cursor_));
}

EditAction LineEditor::special(const KeyStroke& stroke) {
  const bool by_word = stroke.ctrl || stroke.alt;
  switch (stroke.key) {
    case Key::kEnter:
      return EditAction::kSubmit;
    case Key::kTab:
      complete();
      break;
    case Key::kBackspace:
      erase(by_word ? word_left(cursor_) : previous(cursor_), cursor_);
      break;
    case Key::kDelete:
      erase(cursor_, next(cursor_));
      break;
    case Key::kLeft:
      cursor_ = by_word ? word_left(cursor_) : previous(cursor_);
      break;
    case Key::kRight:
      cursor_ = by_word ? word_right(cursor_) : next(cursor_);
      break;
    case Key::kHome:
      cursor_ = 0;
      break;
    case Key::kEnd:
      cursor_ = text_.size();
      break;
    case Key::kUp:
      recall(-1);
      break;
    case Key::kDown:
      recall(1);
      break;
    default:
      break;
  }
  return EditAction::kNone;
}

void LineEditor::recall(int direction) {
  const std::size_t here = recalled_.value_or(history_.size());
  if (direction < 0) {
    if (here == 0) return;
    if (!recalled_) unfinished_ = text_;
    recalled_ = here - 1;
    set_text(history_.at(here - 1));
    return;
  }
  if (!recalled_) return;
  if (here + 1 < history_.size()) {
    recalled_ = here + 1;
    set_text(history_.at(here + 1));
  } else {
    recalled_.reset();
    set_text(unfinished_);
  }
}

void LineEditor::complete() {
  if (!completer_) return;
  Completion completion = completer_(text_, cursor_);
  if (completion.candidates.empty() || completion.begin > cursor_) return;
  const std::string added = common_prefix(completion.candidates);
  const bool only = completion.candidates.size() == 1;
  const bool folder = added.ends_with('/');
  if (only || added.size() > cursor_ - completion.begin) {
    text_.replace(completion.begin, cursor_ - completion.begin, added);
    cursor_ = completion.begin + added.size();
    if (only && !folder && cursor_ == text_.size()) insert(" ");
  }
  candidates_ = only ? std::vector<std::string>{} : std::move(completion.candidates);
}

std::string LineEditor::search_prompt() const {
  return search_ ? "(search) " + search_->wanted + ": " : "";
}

void LineEditor::search_again(std::size_t before) {
  const std::size_t found = history_.find(search_->wanted, before);
  if (found == history_.size()) return;  // what was found before stays
  search_->index = found;
  set_text(history_.at(found));
  cursor_ = std::min(text_.find(search_->wanted), text_.size());
}

void LineEditor::end_search(bool keep) {
  if (!keep) set_text(search_->text_before);
  search_.reset();
}

EditAction LineEditor::search_key(const KeyStroke& stroke) {
  const bool control_key = stroke.key == Key::kLetter && stroke.ctrl;
  if (control_key && stroke.letter == 'r') {
    search_again(search_->index);
  } else if (stroke.key == Key::kBackspace || (control_key && stroke.letter == 'h')) {
    std::string& wanted = search_->wanted;
    while (!wanted.empty() && continues(wanted.back())) wanted.pop_back();
    if (!wanted.empty()) wanted.pop_back();
    search_again(history_.size());
  } else if (stroke.key == Key::kEscape ||
             (control_key && (stroke.letter == 'g' || stroke.letter == 'c'))) {
    end_search(false);
  } else {
    end_search(true);
    return handle(stroke);
  }
  return EditAction::kNone;
}

}  // namespace pxos::shell
