#pragma once
// The sections of a program image, one codec each: private to image.cpp. Byte tables are in
// docs/spec/program_image.md. Readers accept only what the writers make, so that decode and encode
// are inverse in both directions; tables are capped by Limits and by the bytes that are left before
// anything is allocated.

#include "pxvm/isa/program.hpp"

#include <array>

namespace pxos::isa {

inline constexpr std::size_t kSectionCount = 7;

/// Stored code of section `index` (0 .. kSectionCount - 1).
[[nodiscard]] std::uint16_t section_code(std::size_t index);
[[nodiscard]] std::string_view section_name(std::size_t index);

void write_section(std::size_t index, const Program& program, ByteWriter& out);
/// Fills the program's tables of this section. Requires: sections are read in order.
Result<void> read_section(std::size_t index, ByteReader& in, Program& program);

/// Errors: kLimit when a table, string or number does not fit the format.
Result<void> check_limits(const Program& program);

}  // namespace pxos::isa
