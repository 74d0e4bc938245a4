#include "tests/support/conformance.hpp"

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <system_error>

namespace pxos::test {
namespace {

std::atomic<std::uint64_t>& counter() {
  static std::atomic<std::uint64_t> count{0};
  return count;
}

}  // namespace

std::filesystem::path source_folder() {
  return PXOS_SOURCE_FOLDER;
}

std::optional<std::filesystem::path> conformance(std::string_view relative) {
  const char* const named = std::getenv("PXOS_CONFORMANCE");
  const std::filesystem::path root = named != nullptr && *named != '\0'
                                         ? std::filesystem::path(named)
                                         : source_folder() / ".." / "shared" / "conformance";
  std::error_code ignored;
  const std::filesystem::path path = root / relative;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return path;
}

void skip(std::string_view reason) {
  ++counter();
  std::cout << "SKIPPED: " << reason << std::endl;
}

std::uint64_t skip_count() {
  return counter().load();
}

}  // namespace pxos::test
