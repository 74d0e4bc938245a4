#include "pixelfs/blob_store.hpp"

#include <algorithm>

namespace pxos::pixelfs {

Result<void> check_blob_name(std::string_view name) {
  constexpr std::size_t kLongest = 255;  // of every file system in use
  const auto refused = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || c == '/' || c == '\\';
  };
  if (name.empty() || name.size() > kLongest) {
    return fail(Errc::kUsage, "a blob name of {} bytes, expected 1..{}", name.size(), kLongest);
  }
  if (name.front() == '.' || std::any_of(name.begin(), name.end(), refused)) {
    return fail(Errc::kUsage, "'{}' is no blob name: slash, control character or leading dot",
                name.substr(0, 60));
  }
  return {};
}

}  // namespace pxos::pixelfs
