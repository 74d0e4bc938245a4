#include "shell/format.hpp"

#include <array>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

/// Three significant digits and the unit of the power of 1000.
std::string scaled(double value, const std::array<std::string_view, 5>& units) {
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  const int digits = unit == 0 || value >= 99.95 ? 0 : 1;
  const std::string number = fmt::format("{:.{}f}", value, digits);
  return units[unit].empty() ? number : number + " " + std::string(units[unit]);
}

std::size_t offset_of_column(std::string_view utf8, std::size_t column) {
  std::size_t at = 0;
  for (; at < utf8.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(utf8[at]) & 0xC0U) != 0x80;
    if (begins && column-- == 0) break;
  }
  return at;
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  return scaled(static_cast<double>(bytes), {"B", "kB", "MB", "GB", "TB"});
}

std::string format_count(std::uint64_t count) {
  return scaled(static_cast<double>(count), {"", "k", "M", "G", "T"});
}

std::string format_seconds(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.{}f} ms", seconds * 1000, seconds < 0.00995 ? 1 : 0);
  if (seconds < 99.95) return fmt::format("{:.1f} s", seconds);
  return fmt::format("{:.0f} s", seconds);
}

std::string format_rate(std::uint64_t count, double seconds) {
  if (count == 0 || seconds <= 0) return "-";
  const double rate = static_cast<double>(count) / seconds;
  return fmt::format("{:.{}f}", rate, rate < 99.95 ? 1 : 0);
}

std::size_t columns(std::string_view utf8) {
  std::size_t count = 0;
  for (const char c : utf8) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
  return count;
}

std::string padded(std::string_view utf8, std::size_t width) {
  std::string out(utf8);
  const std::size_t have = columns(utf8);
  if (have < width) out.append(width - have, ' ');
  return out;
}

std::string shortened(std::string_view utf8, std::size_t width) {
  if (columns(utf8) <= width) return std::string(utf8);
  if (width == 0) return {};
  return std::string(utf8.substr(0, offset_of_column(utf8, width - 1))) + "…";
}

}  // namespace pxos::shell
