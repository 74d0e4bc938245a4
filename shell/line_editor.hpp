#pragma once
// Emacs-style editing of one line of UTF-8. Knows nothing of a screen: key strokes in, text and
// cursor out. The cursor is a byte offset that always stands at a code point. Single-threaded.
//
// C-a C-e C-b C-f C-d C-h C-k C-u C-w C-y C-t C-l C-c C-p C-n C-r C-g, M-b M-f M-d, arrows (with
// Ctrl or Alt: by word), Home, End, Backspace, Delete, Up, Down, Tab, Enter, Escape.

#include "shell/history.hpp"
#include "shell/screen.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::shell {

/// What the owner has to do about a key stroke.
enum class EditAction : std::uint8_t {
  kNone,       ///< handled, or nothing to do
  kSubmit,     ///< Enter: take_line() has the line
  kInterrupt,  ///< C-c: the line was dropped; on an empty line the owner may end
  kClear,      ///< C-l
  kEnd,        ///< C-d on an empty line
};

/// Completions of the word that ends at `cursor`.
struct Completion {
  std::size_t begin = 0;  ///< byte offset of the word that is replaced
  std::vector<std::string> candidates;
};
using Completer = std::function<Completion(std::string_view text, std::size_t cursor)>;

class LineEditor {
 public:
  /// Lines longer than this are not extended (a paste is cut).
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 16U;

  /// Keeps `history`. The completer may be empty.
  explicit LineEditor(History& history, Completer completer = {})
      : history_(history), completer_(std::move(completer)) {}

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::size_t cursor() const { return cursor_; }
  /// "(search) wanted: " while C-r searches, else empty.
  [[nodiscard]] std::string search_prompt() const;
  /// Candidates of the last Tab when there were several.
  [[nodiscard]] const std::vector<std::string>& candidates() const { return candidates_; }

  /// Inserts typed or pasted text; line breaks become spaces, other control characters vanish.
  void insert(std::string_view utf8);
  EditAction handle(const KeyStroke& stroke);
  /// The submitted line; the editor is empty afterwards.
  std::string take_line();
  void set_text(std::string text);

 private:
  EditAction control(char letter);
  bool move(char letter);
  void change(char letter);
  void meta(char letter);
  EditAction special(const KeyStroke& stroke);
  EditAction search_key(const KeyStroke& stroke);
  void search_again(std::size_t before);
  void end_search(bool keep);
  void recall(int direction);
  void complete();
  void erase(std::size_t begin, std::size_t end);
  void kill(std::size_t begin, std::size_t end);
  void transpose();
  [[nodiscard]] std::size_t previous(std::size_t at) const;
  [[nodiscard]] std::size_t next(std::size_t at) const;
  [[nodiscard]] std::size_t word_left(std::size_t at) const;
  [[nodiscard]] std::size_t word_right(std::size_t at) const;

  struct Search {
    std::string wanted;
    std::string text_before;
    std::size_t index = 0;  ///< of the match in the history
  };

  History& history_;
  Completer completer_;
  std::string text_;
  std::size_t cursor_ = 0;
  std::string killed_;
  bool killing_ = false;  ///< the last key killed: the next kill joins it
  std::optional<std::size_t> recalled_;
  std::string unfinished_;  ///< what was typed before Up
  std::optional<Search> search_;
  std::vector<std::string> candidates_;
};

}  // namespace pxos::shell
