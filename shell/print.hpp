#pragma once
// Formatted text to stdout and stderr. Unlike the library's own print these do not throw when
// nobody can take the text: pxos uses no exceptions, and a closed pipe is no reason to abort.

#include <cstdio>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace pxos::shell {

/// `text` to `stream`. When the reader of stdout has gone away (`pxos ... | head`) the process ends
/// by SIGPIPE, quietly, as filters do; any other fault stays in ferror(stream), see output_lost().
void write_text(std::FILE* stream, std::string_view text);

template <class... Parts>
void print_to(std::FILE* stream, fmt::format_string<Parts...> format, Parts&&... parts) {
  write_text(stream, fmt::format(format, std::forward<Parts>(parts)...));
}

/// To stdout.
template <class... Parts>
void print_out(fmt::format_string<Parts...> format, Parts&&... parts) {
  write_text(stdout, fmt::format(format, std::forward<Parts>(parts)...));
}

/// True when something of stdout could not be written; flushes it. For the end of main().
[[nodiscard]] bool output_lost();

}  // namespace pxos::shell
