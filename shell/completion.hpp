#pragma once
// What Tab offers: verbs for the first word, then what the verb of the line takes.

#include "shell/line_editor.hpp"
#include "shell/shell_state.hpp"

#include <string_view>

namespace pxos::shell {

/// Candidates replace the word that ends at `cursor`; they are sorted and each is given once.
[[nodiscard]] Completion complete_line(const ShellState& state, std::string_view text,
                                       std::size_t cursor);

}  // namespace pxos::shell
