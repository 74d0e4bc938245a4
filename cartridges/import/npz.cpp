#include "cartridges/import/npz.hpp"

#include "cartridges/import/npy.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <set>

namespace pxos::cartridges {
namespace {

// Signatures and sizes of the zip records used here (PKWARE APPNOTE 6.3,
// sections 4.3.7, 4.3.12, 4.3.16).
constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint32_t kCentralSignature = 0x02014b50;
constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kCentralBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kMaxComment = 65535;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint32_t kZip64 = 0xFFFFFFFF;
// 1980-01-01, the zero of zip's calendar: archives must not depend on the clock.
constexpr std::uint16_t kZeroDate = 0x0021;
constexpr std::uint16_t kVersion = 20;
constexpr std::string_view kSuffix = ".npy";

struct Directory {
  std::uint16_t members = 0;
  std::uint32_t size = 0;
  std::uint32_t offset = 0;
};

struct Member {
  std::string name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint32_t packed = 0;
  std::uint32_t size = 0;
  std::uint32_t local_offset = 0;
};

/// The end record: the last one whose comment ends with the file.
Result<Directory> find_directory(Bytes file) {
  if (file.size() < kEndBytes)
    return fail(Errc::kInvalid, "not an npz archive: {} bytes", file.size());
  const std::uint64_t last = file.size() - kEndBytes;
  const std::uint64_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (std::uint64_t at = last + 1; at-- > first;) {
    ByteReader reader(file.subspan(at));
    PX_TRY(const std::uint32_t signature, reader.u32("zip signature"));
    if (signature != kEndSignature) continue;
    PX_TRY(const std::uint32_t disks, reader.u32("zip disk numbers"));
    PX_TRY(const std::uint16_t here, reader.u16("zip member count"));
    Directory out;
    PX_TRY(out.members, reader.u16("zip member count"));
    PX_TRY(out.size, reader.u32("zip directory size"));
    PX_TRY(out.offset, reader.u32("zip directory offset"));
    PX_TRY(const std::uint16_t comment, reader.u16("zip comment length"));
    if (comment != last - at) continue;
    if (disks != 0 || here != out.members)
      return fail(Errc::kUnsupported, "npz archive over several disks");
    if (out.offset == kZip64 || out.members == 0xFFFF)
      return fail(Errc::kUnsupported, "npz archive is zip64");
    if (!range_fits(out.offset, out.size, at))
      return fail(Errc::kInvalid, "zip directory of {} bytes at {} lies outside the archive",
                  out.size, out.offset);
    return out;
  }
  return fail(Errc::kInvalid, "not an npz archive: no zip end record");
}

/// One entry of the central directory. Sizes and CRC are taken from here: a streaming writer leaves
/// them empty in the local header, and NumPy puts zip64 fields there even for small members.
Result<Member> read_member(ByteReader& reader) {
  PX_TRY(const std::uint32_t signature, reader.u32("zip directory entry"));
  if (signature != kCentralSignature)
    return fail(Errc::kInvalid, "zip directory entry before byte {} has a bad signature",
                reader.position());
  PX_TRY([[maybe_unused]] const std::uint32_t versions, reader.u32("zip versions"));
  Member out;
  PX_TRY(out.flags, reader.u16("zip flags"));
  PX_TRY(out.method, reader.u16("zip method"));
  PX_TRY([[maybe_unused]] const std::uint32_t time, reader.u32("zip time"));
  PX_TRY(out.crc, reader.u32("zip crc"));
  PX_TRY(out.packed, reader.u32("zip packed size"));
  PX_TRY(out.size, reader.u32("zip size"));
  PX_TRY(const std::uint16_t name_length, reader.u16("zip name length"));
  PX_TRY(const std::uint16_t extra_length, reader.u16("zip extra length"));
  PX_TRY(const std::uint16_t comment_length, reader.u16("zip comment length"));
  PX_TRY([[maybe_unused]] const Bytes attributes, reader.bytes(8, "zip attributes"));
  PX_TRY(out.local_offset, reader.u32("zip local offset"));
  PX_TRY(const Bytes name, reader.bytes(name_length, "zip name"));
  PX_TRY([[maybe_unused]] const Bytes rest,
         reader.bytes(std::uint64_t{extra_length} + comment_length, "zip extra"));
  out.name = as_text(name);
  return out;
}

/// "weights.npy" -> "weights"; the name must be plain, as it may become a file or tensor name.
Result<std::string> array_name(const std::string& member) {
  const bool printable = std::all_of(member.begin(), member.end(),
                                     [](char c) { return c > ' ' && c <= '~' && c != '\\'; });
  const bool plain = printable && member.size() > kSuffix.size() && member.ends_with(kSuffix) &&
                     member.find('/') == std::string::npos &&
                     member.find("..") == std::string::npos;
  if (!plain)
    return fail(Errc::kInvalid, "zip member name is not a plain name with the suffix .npy");
  return member.substr(0, member.size() - kSuffix.size());
}

/// The member's packed bytes; its local header must agree with the directory about where they are.
Result<Bytes> packed_bytes(Bytes file, const Member& member, std::uint64_t directory_offset) {
  if (!range_fits(member.local_offset, kLocalBytes, directory_offset))
    return fail(Errc::kInvalid, "local header at {} lies outside the archive", member.local_offset);
  ByteReader reader(file.subspan(member.local_offset));
  PX_TRY(const std::uint32_t signature, reader.u32("zip local header"));
  if (signature != kLocalSignature)
    return fail(Errc::kInvalid, "bad local header at {}", member.local_offset);
  PX_CHECK(reader.seek(26, "zip name length"));
  PX_TRY(const std::uint16_t name_length, reader.u16("zip name length"));
  PX_TRY(const std::uint16_t extra_length, reader.u16("zip extra length"));
  PX_TRY(const Bytes name, reader.bytes(name_length, "zip name"));
  if (as_text(name) != member.name) return fail(Errc::kInvalid, "local header has another name");
  const std::uint64_t start = member.local_offset + kLocalBytes + name_length + extra_length;
  if (!range_fits(start, member.packed, directory_offset))
    return fail(Errc::kInvalid, "{} packed bytes at {} lie outside the archive", member.packed,
                start);
  return file.subspan(start, member.packed);
}

/// The output of inflate is capped by the announced size, which the caller has capped by the
/// limits.
Result<NpyArray> unpack_member(Bytes file, const Member& member, std::uint64_t directory_offset) {
  PX_TRY(std::string name, array_name(member.name));
  if ((member.flags & kEncrypted) != 0) return fail(Errc::kUnsupported, "member is encrypted");
  if (member.packed == kZip64 || member.size == kZip64)
    return fail(Errc::kUnsupported, "member is zip64");
  PX_TRY(const Bytes packed, packed_bytes(file, member, directory_offset));
  ByteVector inflated;
  Bytes content = packed;
  if (member.method == kDeflated) {
    PX_TRY(inflated, pixelfs::inflate_raw(packed, member.size));
    content = inflated;
  } else if (member.method != kStored) {
    return fail(Errc::kUnsupported, "compression method {} (stored and deflate can be read)",
                member.method);
  }
  if (content.size() != member.size)
    return fail(Errc::kInvalid, "{} bytes unpacked, the directory says {}", content.size(),
                member.size);
  const std::uint32_t crc = pixelfs::crc32(content);
  if (crc != member.crc)
    return fail(Errc::kInvalid, "CRC {:08x}, the directory says {:08x}", crc, member.crc);
  return parse_npy(content, std::move(name));
}

/// The fields local and central headers share, from "version needed" to the extra length.
void write_shared(ByteWriter& out, const Member& member) {
  out.u16(kVersion);
  out.u16(0);
  out.u16(kStored);
  out.u16(0);
  out.u16(kZeroDate);
  out.u32(member.crc);
  out.u32(member.packed);
  out.u32(member.size);
  out.u16(static_cast<std::uint16_t>(member.name.size()));
  out.u16(0);
}

/// Local header and content, appended; returns what the central directory repeats.
Result<Member> write_member(ByteWriter& out, const NpyArray& array) {
  Member member;
  member.name = array.name + std::string(kSuffix);
  PX_CHECK(array_name(member.name));
  if (element_count(array.shape) != array.values.size() || array.shape.size() > 32)
    return fail(Errc::kInvalid, "array {}: {} values do not fill the shape", array.name,
                array.values.size());
  const ByteVector content = write_npy(array);
  if (out.size() + content.size() + kMaxComment >= kZip64)
    return fail(Errc::kLimit, "npz archive above 4 GiB");
  member.local_offset = static_cast<std::uint32_t>(out.size());
  member.crc = pixelfs::crc32(content);
  member.packed = member.size = static_cast<std::uint32_t>(content.size());
  out.u32(kLocalSignature);
  write_shared(out, member);
  out.bytes(as_bytes(member.name));
  out.bytes(content);
  return member;
}

}  // namespace

Result<std::vector<NpyArray>> parse_npz(Bytes file, const NpzLimits& limits) {
  PX_TRY(const Directory directory, find_directory(file));
  if (directory.members > limits.max_members || directory.members > directory.size / kCentralBytes)
    return fail(Errc::kLimit, "npz archive claims {} members in {} bytes of directory",
                directory.members, directory.size);
  ByteReader reader(file.subspan(directory.offset, directory.size));
  std::vector<Member> members;
  std::uint64_t total = 0;
  std::set<std::string> names;
  for (std::uint16_t i = 0; i < directory.members; ++i) {
    PX_TRY(Member member, read_member(reader));
    total += member.size;  // at most 65 535 times 4 GiB
    if (total > limits.max_bytes)
      return fail(Errc::kLimit, "npz members of more than {} bytes", limits.max_bytes);
    if (!names.insert(member.name).second)
      return fail(Errc::kInvalid, "npz member {} appears twice", i);
    members.push_back(std::move(member));
  }
  std::vector<NpyArray> out;
  for (std::size_t i = 0; i < members.size(); ++i) {
    auto array = unpack_member(file, members[i], directory.offset);
    if (!array) return in_context(fmt::format("npz member {}", i), std::move(array).error());
    out.push_back(*std::move(array));
  }
  return out;
}

Result<ByteVector> write_npz(std::span<const NpyArray> arrays) {
  if (arrays.size() >= 0xFFFF) return fail(Errc::kLimit, "npz archive of {} arrays", arrays.size());
  ByteWriter out;
  std::vector<Member> members;
  std::set<std::string> names;
  for (const NpyArray& array : arrays) {
    if (!names.insert(array.name).second)
      return fail(Errc::kInvalid, "array {} appears twice", array.name);
    PX_TRY(Member member, write_member(out, array));
    members.push_back(std::move(member));
  }
  const std::uint64_t start = out.size();
  for (const Member& member : members) {
    out.u32(kCentralSignature);
    out.u16(kVersion);
    write_shared(out, member);
    for (int i = 0; i < 5; ++i) out.u16(0);  // comment length, disk, attributes
    out.u32(member.local_offset);
    out.bytes(as_bytes(member.name));
  }
  const std::uint64_t end = out.size();
  if (end >= kZip64) return fail(Errc::kLimit, "npz archive above 4 GiB");
  out.u32(kEndSignature);
  out.u32(0);
  out.u16(static_cast<std::uint16_t>(members.size()));
  out.u16(static_cast<std::uint16_t>(members.size()));
  out.u32(static_cast<std::uint32_t>(end - start));
  out.u32(static_cast<std::uint32_t>(start));
  out.u16(0);
  return out.take();
}

}  // namespace pxos::cartridges
