#pragma once
// Numbers for people, in at most three digits: decimal units, as disks and data sheets use them.

#include <cstdint>
#include <string>
#include <string_view>

namespace pxos::shell {

[[nodiscard]] std::string format_bytes(std::uint64_t bytes);  ///< "98.4 MB"
[[nodiscard]] std::string format_count(std::uint64_t count);  ///< "135 M"
[[nodiscard]] std::string format_seconds(double seconds);     ///< "41 ms", "1.3 s"
[[nodiscard]] std::string format_rate(std::uint64_t count,
                                      double seconds);  ///< "38.2"; "-" for none

/// Columns `utf8` takes in a terminal of one cell per code point.
[[nodiscard]] std::size_t columns(std::string_view utf8);
/// `utf8` with spaces behind it up to `width` columns.
[[nodiscard]] std::string padded(std::string_view utf8, std::size_t width);
/// At most `width` columns; what is cut is shown as an ellipsis.
[[nodiscard]] std::string shortened(std::string_view utf8, std::size_t width);

}  // namespace pxos::shell
