#pragma once
// Text functions with Python's meaning, over valid UTF-8. Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::text::jinja {

enum class Sides : unsigned { kLeft = 1, kRight = 2, kBoth = 3 };

/// `text` without the characters of `chars` (white space when empty) at its ends.
[[nodiscard]] std::string_view strip(std::string_view text, std::string_view chars, Sides sides);

/// Parts between `separator`; with an empty one, runs of white space separate and ends are dropped.
/// At most `most` cuts.
[[nodiscard]] std::vector<std::string> split(std::string_view text, std::string_view separator,
                                             std::size_t most);
[[nodiscard]] std::string replace(std::string_view text, std::string_view from, std::string_view to,
                                  std::size_t most);
/// ASCII letters only.
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);
/// First letter of the text, or of every word, upper; the rest lower (ASCII).
[[nodiscard]] std::string capitalize(std::string_view text);
[[nodiscard]] std::string title(std::string_view text);

/// The characters of `text`, each as its bytes.
[[nodiscard]] std::vector<std::string_view> characters(std::string_view text);

}  // namespace pxos::text::jinja
