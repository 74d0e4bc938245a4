#pragma once
// Where tests find data that is not part of the project: the folder named by PXOS_CONFORMANCE, else
// ../shared/conformance beside the source folder. A test that misses it says so and checks nothing.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace pxos::test {

/// The file or folder `relative` of the conformance data, if it is there.
[[nodiscard]] std::optional<std::filesystem::path> conformance(std::string_view relative);

/// The project's source folder.
[[nodiscard]] std::filesystem::path source_folder();

/// Prints "SKIPPED: <reason>" and counts it.
void skip(std::string_view reason);

/// How often skip() was called in this process.
[[nodiscard]] std::uint64_t skip_count();

}  // namespace pxos::test

/// PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm"); binds the path, or prints SKIPPED and returns.
#define PXOS_CONFORMANCE_OR_SKIP(name, relative)                    \
  const auto name##_optional = ::pxos::test::conformance(relative); \
  if (!name##_optional) {                                           \
    ::pxos::test::skip("no conformance data (" relative ")");       \
    return;                                                         \
  }                                                                 \
  const std::filesystem::path& name = *name##_optional
