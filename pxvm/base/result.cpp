#include "pxvm/base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace pxos {

std::string format_message(fmt::string_view format, fmt::format_args args) {
  return fmt::vformat(format, args);
}

tl::unexpected<Error> in_context(std::string_view where, Error error) {
  error.message = fmt::format("{}: {}", where, error.message);
  return tl::unexpected<Error>(std::move(error));
}

void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "pxos: internal error: %s failed at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace pxos
