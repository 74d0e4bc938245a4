#include "pxvm/isa/image.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/base/hash.hpp"
#include "pxvm/isa/image_sections.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

constexpr std::uint64_t kRowBytes = std::uint64_t{kProgramImageWidth} * 3;
/// More rows than the largest tables need; refused before anything is read.
constexpr std::uint32_t kMaxRows = 1U << 20U;

struct SectionPlace {
  std::uint64_t first_row = 0;
  std::uint64_t bytes = 0;
};
using Places = std::array<SectionPlace, kSectionCount>;

// Fields up to the digest have fixed places (docs/spec/program_image.md), so the header is one row.
void write_header(const Places& places, const Xxh128& digest, ByteWriter& out) {
  out.bytes(as_bytes(kProgramMagic));
  out.u16(kProgramFormatVersion);
  out.u16(kIsaVersion);
  out.u16(static_cast<std::uint16_t>(kSectionCount));
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    out.u16(section_code(i));
    out.u32(static_cast<std::uint32_t>(places[i].first_row));
    out.u32(static_cast<std::uint32_t>(places[i].bytes));
  }
  out.u64(digest.low);
  out.u64(digest.high);
  out.pad_to(kRowBytes);
}

// An older version is refused as well: there is none, so the number is damage.
Result<void> check_versions(ByteReader& in) {
  PX_TRY(const std::uint16_t format, in.u16("format version"));
  PX_TRY(const std::uint16_t isa, in.u16("ISA version"));
  if (format != kProgramFormatVersion) {
    return fail(format > kProgramFormatVersion ? Errc::kUnsupported : Errc::kInvalid,
                "format version at byte 6 is {}, this build reads {}", format,
                kProgramFormatVersion);
  }
  if (isa != kIsaVersion) {
    return fail(isa > kIsaVersion ? Errc::kUnsupported : Errc::kInvalid,
                "ISA version at byte 8 is {}, this build runs {}", isa, kIsaVersion);
  }
  return {};
}

// Before anything is read or allocated: the pixels are there, and no more than the caps allow.
Result<void> check_geometry(const RgbImage& image) {
  if (image.width != kProgramImageWidth) {
    return fail(Errc::kInvalid,
                "picture is {} pixels wide, expected {}: it was resized or is no program",
                image.width, kProgramImageWidth);
  }
  if (image.height == 0 || image.height > kMaxRows) {
    return fail(Errc::kLimit, "picture has {} rows, expected 1..{}", image.height, kMaxRows);
  }
  if (image.rgb.size() != image.height * kRowBytes) {
    return fail(Errc::kInvalid, "{} x {} pixels need {} bytes, found {}", image.width, image.height,
                image.height * kRowBytes, image.rgb.size());
  }
  return {};
}

/// Sections stand in the order of their codes, each right after the last row of the one before, so
/// that one program has one picture.
Result<Places> read_places(ByteReader& in, std::uint64_t rows) {
  PX_TRY(const std::uint16_t count, in.u16("section count"));
  if (count != kSectionCount) {
    return fail(Errc::kInvalid, "header has {} sections, expected {}", count, kSectionCount);
  }
  Places places;
  std::uint64_t next_row = 1;
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    PX_TRY(const std::uint16_t code, in.u16("section code"));
    PX_TRY(places[i].first_row, in.u32("section row"));
    PX_TRY(places[i].bytes, in.u32("section bytes"));
    if (code != section_code(i) || places[i].first_row != next_row) {
      return fail(Errc::kInvalid, "header: section {} has code {} at row {}, expected {} at row {}",
                  section_name(i), code, places[i].first_row, section_code(i), next_row);
    }
    next_row += ceil_div(places[i].bytes, kRowBytes);
    if (next_row > rows) {
      return fail(Errc::kInvalid, "section {} ends at row {}, the picture has {}", section_name(i),
                  next_row, rows);
    }
  }
  if (next_row != rows) {
    return fail(Errc::kInvalid, "picture has {} rows, the sections end at row {}", rows, next_row);
  }
  return places;
}

// Padding must be zero, or a program would have many pictures and hide bytes in them.
bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// The bytes of section `i` without its padding, which must be zero.
Result<Bytes> section_bytes(Bytes pixels, const SectionPlace& place, std::size_t i) {
  const Bytes rows = pixels.subspan(place.first_row * kRowBytes, round_up(place.bytes, kRowBytes));
  if (!all_zero(rows.subspan(place.bytes))) {
    return fail(Errc::kInvalid, "section {}: the rest of its last row is not zero",
                section_name(i));
  }
  return rows.first(place.bytes);
}

// Detects accidents and says which kind; a forger can recompute it, which is why verify comes next.
Result<void> check_digest(const Xxh128& stored, const Xxh128& found) {
  if (stored == found) return {};
  return fail(Errc::kInvalid,
              "digest of the pixels is {}, the header says {}: the copy was re-encoded with other "
              "pixels (colour-managed, resized or palette-reduced)",
              to_hex(found), to_hex(stored));
}

struct Header {
  Places places;
  Xxh128 digest;
};

Result<Header> read_header(const RgbImage& image) {
  const Bytes row = Bytes(image.rgb).first(kRowBytes);
  ByteReader in(row);
  PX_TRY(const Bytes magic, in.bytes(kProgramMagic.size(), "magic"));
  if (as_text(magic) != kProgramMagic) {
    return fail(Errc::kInvalid, "the first two pixels are not the magic \"{}\"", kProgramMagic);
  }
  PX_CHECK(check_versions(in));
  Header header;
  PX_TRY(header.places, read_places(in, image.height));
  PX_TRY(header.digest.low, in.u64("digest"));
  PX_TRY(header.digest.high, in.u64("digest"));
  if (!all_zero(row.subspan(in.position())))
    return fail(Errc::kInvalid, "header: the rest of row 0 is not zero");
  return header;
}

Result<Program> decode_checked(const RgbImage& image) {
  PX_CHECK(check_geometry(image));
  PX_TRY(const Header header, read_header(image));
  std::array<Bytes, kSectionCount> sections;
  Xxh128Stream hash;
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    PX_TRY(sections[i], section_bytes(image.rgb, header.places[i], i));
    hash.update(sections[i]);
  }
  PX_CHECK(check_digest(header.digest, hash.digest()));
  Program program;
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    ByteReader in(sections[i]);
    auto read = read_section(i, in, program);
    if (read && in.remaining() != 0) {
      read = fail(Errc::kInvalid, "{} bytes left at byte {}", in.remaining(), in.position());
    }
    if (!read)
      return in_context(fmt::format("section {}", section_name(i)), std::move(read).error());
  }
  return program;
}

}  // namespace

Result<RgbImage> encode_program(const Program& program) {
  if (auto checked = check_limits(program); !checked)
    return in_context(fmt::format("program '{}'", program.name), std::move(checked).error());
  Places places;
  ByteWriter body;
  Xxh128Stream hash;
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    ByteWriter section;
    write_section(i, program, section);
    places[i] = {1 + body.size() / kRowBytes, section.size()};
    hash.update(section.view());
    body.bytes(section.view());
    body.pad_to(kRowBytes);
  }
  // Row counts and byte counts fit u32: kMaxRows rows are 288 MiB.
  const std::uint64_t rows = 1 + body.size() / kRowBytes;
  if (rows > kMaxRows) {
    return fail(Errc::kLimit, "program '{}' needs {} rows of pixels, at most {}", program.name,
                rows, kMaxRows);
  }
  ByteWriter out;
  write_header(places, hash.digest(), out);
  out.bytes(body.view());
  return RgbImage{kProgramImageWidth, static_cast<std::uint32_t>(rows), out.take()};
}

Result<Program> decode_program(const RgbImage& image) {
  auto program = decode_checked(image);
  if (!program) return in_context("program image", std::move(program).error());
  return program;
}

}  // namespace pxos::isa
