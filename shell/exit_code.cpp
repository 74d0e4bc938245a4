#include "shell/exit_code.hpp"

namespace pxos::shell {

int exit_code(Errc code) {
  switch (code) {
    case Errc::kInvalid:
    case Errc::kUnsupported:
    case Errc::kNotFound:
    case Errc::kIo:
    case Errc::kLimit:
      return kExitFailed;
    case Errc::kUsage:
      return kExitUsage;
    case Errc::kTrap:
      return kExitTrapped;
    case Errc::kDenied:
      return kExitDenied;
    case Errc::kInterrupted:
      return kExitInterrupted;
  }
  return kExitFailed;
}

std::string one_line(const Error& error) {
  std::string line;
  for (const char c : error.message) {
    const bool control = (c >= 0 && c < 0x20) || c == 0x7F;
    if (c == '\n') {
      line += line.empty() || line.ends_with("; ") ? "" : "; ";
    } else {
      line += control ? (c == '\t' ? ' ' : '?') : c;
    }
  }
  while (line.ends_with("; ")) line.resize(line.size() - 2);
  return line;
}

}  // namespace pxos::shell
