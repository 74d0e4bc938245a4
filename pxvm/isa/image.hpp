#pragma once
// The program image: an RGB picture, 8-bit, opaque (docs/spec/program_image.md). Pure functions of
// pixels; the caller reads and writes the PNG.
//
// Row 0 is the header: magic "pxPROG", format version u16, ISA version u16, section count u16, then
// per section {kind u16, first row u32, bytes u32}, then XXH3-128 over all section bytes in order.
// Each section starts on a new row: program name and symbols, tensors, constants, attributes,
// entries, code (one instruction = three pixels), debug. The rest of a section's last row is zero.

#include "pxvm/isa/program.hpp"

namespace pxos::isa {

inline constexpr std::string_view kProgramMagic = "pxPROG";
inline constexpr std::uint16_t kProgramFormatVersion = 1;
inline constexpr std::uint16_t kIsaVersion = 1;
inline constexpr std::uint32_t kProgramImageWidth = 96;  ///< 32 instructions a row

/// RGB pixels, row-major, 3 bytes each.
struct RgbImage {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  ByteVector rgb;
  friend bool operator==(const RgbImage&, const RgbImage&) = default;
};

/// Same program, same pixels. Errors: kLimit when a table is over Limits.
Result<RgbImage> encode_program(const Program& program);

/// Inverse of encode_program for hostile input. Errors name the section and byte; a copy that was
/// re-encoded with other pixels (resized, colour-managed, palette-reduced) fails the digest and is
/// refused with that reason.
Result<Program> decode_program(const RgbImage& image);

}  // namespace pxos::isa
