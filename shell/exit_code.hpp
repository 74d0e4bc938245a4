#pragma once
// The exit codes of the program: 0 ok, 1 the operation failed, 2 usage, 3 a guest trapped,
// 4 refused by policy, 130 interrupted.

#include "pxvm/base/result.hpp"

namespace pxos::shell {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitTrapped = 3;
inline constexpr int kExitDenied = 4;
inline constexpr int kExitInterrupted = 130;  ///< 128 + SIGINT, as shells report it

[[nodiscard]] int exit_code(Errc code);

/// The error as one printable line: line breaks become "; ", other control characters '?'.
[[nodiscard]] std::string one_line(const Error& error);

}  // namespace pxos::shell
