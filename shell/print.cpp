#include "shell/print.hpp"

#include <cerrno>
#include <csignal>

namespace pxos::shell {
namespace {

/// After a write to stdout that failed: EPIPE ends the process.
void end_when_nobody_reads() {
  if (errno != EPIPE) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace

void write_text(std::FILE* stream, std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stream) == text.size() || stream != stdout) return;
  end_when_nobody_reads();
}

bool output_lost() {
  const bool flushed = std::fflush(stdout) == 0;
  if (!flushed) end_when_nobody_reads();
  return !flushed || std::ferror(stdout) != 0;
}

}  // namespace pxos::shell
