#pragma once
// Errors as values. Outside bytes fail with Result<T>; a guest's fault is a vm::Trap; our own bug
// is PX_ASSERT. Nothing throws across a folder. Error is a plain value and may cross threads.

#include <string>
#include <utility>

#include <fmt/core.h>
#include <tl/expected.hpp>

namespace pxos {

/// What kind of failure it is; `exit_code` in the shell maps it to a process exit code.
enum class Errc : std::uint8_t {
  kInvalid,      ///< malformed or inconsistent input
  kUnsupported,  ///< well-formed, but a version, dtype or feature this build does not have
  kNotFound,     ///< a file, entry, name or id that is not there
  kIo,           ///< the operating system refused (errno text is in the message)
  kLimit,        ///< a cap was exceeded (size, count, memory, fuel)
  kDenied,       ///< refused by policy
  kInterrupted,  ///< the user or a deadline stopped it
  kTrap,         ///< a guest program faulted
  kUsage,        ///< the caller's command line or argument is wrong
};

/// One line for a person: what, where, expected, found.
struct Error {
  Errc code = Errc::kInvalid;
  std::string message;
};

template <class T = void>
using Result = tl::expected<T, Error>;

/// Formats out of line so that callers stay small.
std::string format_message(fmt::string_view format, fmt::format_args args);

/// Makes the error value to return: `return fail(Errc::kInvalid, "{}: bad magic", path);`
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format,
                                         Args&&... args) {
  return tl::unexpected<Error>(Error{code, format_message(format, fmt::make_format_args(args...))});
}

/// Same error with "where: " in front of its message.
[[nodiscard]] tl::unexpected<Error> in_context(std::string_view where, Error error);

[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

}  // namespace pxos

#define PX_CONCAT_INNER(a, b) a##b
#define PX_CONCAT(a, b) PX_CONCAT_INNER(a, b)

/// PX_TRY(const Header header, read_header(file)); returns the error of `expr`, else binds its
/// value.
#define PX_TRY(declaration, expr) PX_TRY_NAMED(PX_CONCAT(px_try_, __LINE__), declaration, expr)
#define PX_TRY_NAMED(temporary, declaration, expr)                                    \
  auto temporary = (expr);                                                            \
  if (!temporary) return tl::unexpected<::pxos::Error>(std::move(temporary).error()); \
  declaration = *std::move(temporary)

/// PX_CHECK(write_all(fd, bytes)); returns the error of `expr`, else goes on.
#define PX_CHECK(expr)                                                                \
  do {                                                                                \
    auto px_check = (expr);                                                           \
    if (!px_check) return tl::unexpected<::pxos::Error>(std::move(px_check).error()); \
  } while (false)

/// Our own invariant; never used on outside input.
#define PX_ASSERT(expression) \
  (static_cast<bool>(expression) ? void() : ::pxos::assert_failed(#expression, __FILE__, __LINE__))
