#include "pixelfs/sheet_directory.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <limits>

namespace pxos::pixelfs {
namespace {

constexpr std::uint64_t kDigestOffset = 48;
constexpr std::uint64_t kEntryFixedBytes = 2 + 4 + 8 + 16 + 24;  // without name and dimensions
constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{1} << 50U;

/// Over header and entries, without the field that holds it.
Xxh128 directory_digest(Bytes bytes) {
  Xxh128Stream stream;
  stream.update(bytes.first(kDigestOffset));
  stream.update(bytes.subspan(kDirectoryHeaderBytes));
  return stream.digest();
}

/// Rules that need no arithmetic.
Result<void> check_meta(const TensorMeta& meta) {
  if (meta.name.empty() || meta.name.size() > kMaxTensorName) {
    return fail(Errc::kInvalid, "tensor name of {} bytes, expected 1 to {}", meta.name.size(),
                kMaxTensorName);
  }
  if (meta.shape.empty() || meta.shape.size() > kMaxTensorRank) {
    return fail(Errc::kInvalid, "tensor {}: {} dimensions, expected 1 to {}", meta.name,
                meta.shape.size(), kMaxTensorRank);
  }
  for (const std::int64_t n : meta.shape) {
    if (n < 1) return fail(Errc::kInvalid, "tensor {}: dimension {} is below 1", meta.name, n);
  }
  const tensor::DTypeInfo& type = tensor::info(meta.dtype);
  if (meta.layout != SheetLayout::kLinear && type.unit_bytes == 0) {
    return fail(Errc::kUnsupported, "tensor {}: {} has no packed form, only layout linear",
                meta.name, type.text);
  }
  if (meta.layout == SheetLayout::kPacked16Transposed && type.block_elems != 1) {
    return fail(Errc::kUnsupported, "tensor {}: {} has blocks and cannot be transposed", meta.name,
                type.text);
  }
  return {};
}

/// 2^50 bytes keeps every later product of units and bytes far from 2^64.
tl::unexpected<Error> too_large(const TensorMeta& meta) {
  return fail(Errc::kLimit, "tensor {}: larger than 2^50 bytes", meta.name);
}

/// Fills the packed side from the canonical side.
Result<void> set_packed(const TensorMeta& meta, TensorExtent& e) {
  const tensor::DTypeInfo& type = tensor::info(meta.dtype);
  if (meta.layout == SheetLayout::kLinear) {
    e.units_per_group = 1;
    e.groups = ceil_div(e.canonical_bytes, sheet_unit_bytes(meta.dtype));
    return {};
  }
  const bool transposed = meta.layout == SheetLayout::kPacked16Transposed;
  e.rows = transposed ? e.canonical_cols : e.canonical_rows;
  e.cols = transposed ? e.canonical_rows : e.canonical_cols;
  e.units_per_group = ceil_div(e.cols, type.unit_cols);
  e.groups = ceil_div(e.rows, tensor::kUnitRows);
  const auto units = checked_mul(e.units_per_group, e.groups);
  const auto bytes = units ? checked_mul<std::uint64_t>(*units, type.unit_bytes) : std::nullopt;
  const bool fits = bytes && *bytes <= kMaxTensorBytes;
  if (!fits || e.units_per_group > std::numeric_limits<std::uint32_t>::max())
    return too_large(meta);
  return {};
}

/// Field order: docs/spec/sheet.md, section 2.
void put_entry(ByteWriter& w, const SheetEntry& entry) {
  w.u16(static_cast<std::uint16_t>(entry.meta.name.size()));
  w.bytes(as_bytes(entry.meta.name));
  w.u8(static_cast<std::uint8_t>(entry.meta.layout));
  w.u8(static_cast<std::uint8_t>(entry.meta.shape.size()));
  w.u16(0);
  for (const std::int64_t n : entry.meta.shape) w.i64(n);
  w.f32(entry.meta.affine.min);
  w.f32(entry.meta.affine.max);
  w.u64(entry.digest.low);
  w.u64(entry.digest.high);
  w.u64(entry.first_group);
  w.u64(entry.group_count);
  w.u64(entry.first_slot);
}

/// The rank is not bounded here: every dimension takes eight bytes of input, and tensor_extent
/// refuses > 8.
Result<TensorMeta> read_meta(ByteReader& reader, tensor::DType dtype) {
  TensorMeta meta;
  meta.dtype = dtype;
  PX_TRY(const std::uint16_t name_bytes, reader.u16("tensor name length"));
  PX_TRY(const Bytes name, reader.bytes(name_bytes, "tensor name"));
  meta.name = as_text(name);
  PX_TRY(const std::uint8_t layout, reader.u8("tensor layout"));
  PX_TRY(const std::uint8_t rank, reader.u8("tensor rank"));
  PX_TRY(const std::uint16_t reserved, reader.u16("tensor reserved field"));
  if (layout < 1 || layout > 3 || reserved != 0) {
    return fail(Errc::kUnsupported, "tensor {}: layout {} (reserved field {})", meta.name, layout,
                reserved);
  }
  meta.layout = static_cast<SheetLayout>(layout);
  for (unsigned i = 0; i < rank; ++i) {
    PX_TRY(const std::int64_t n, reader.i64("tensor dimension"));
    meta.shape.push_back(n);
  }
  PX_TRY(meta.affine.min, reader.f32("tensor minimum"));
  PX_TRY(meta.affine.max, reader.f32("tensor maximum"));
  return meta;
}

/// One entry, checked against its own shape; check_slots checks it against the sheet.
Result<SheetEntry> read_entry(ByteReader& reader, tensor::DType dtype) {
  SheetEntry entry;
  PX_TRY(entry.meta, read_meta(reader, dtype));
  PX_TRY(entry.extent, tensor_extent(entry.meta));
  PX_TRY(entry.digest.low, reader.u64("tensor digest"));
  PX_TRY(entry.digest.high, reader.u64("tensor digest"));
  PX_TRY(entry.first_group, reader.u64("tensor first group"));
  PX_TRY(entry.group_count, reader.u64("tensor group count"));
  PX_TRY(entry.first_slot, reader.u64("tensor first slot"));
  if (entry.group_count == 0 ||
      !range_fits(entry.first_group, entry.group_count, entry.extent.groups)) {
    return fail(Errc::kInvalid, "tensor {}: groups {} + {} of {}", entry.meta.name,
                entry.first_group, entry.group_count, entry.extent.groups);
  }
  return entry;
}

/// The header without magic, version and digest.
Result<Directory> read_header(ByteReader& reader, std::uint32_t& tensor_count) {
  Directory d;
  PX_CHECK(reader.seek(8, "sheet header"));
  PX_TRY(d.directory_bytes, reader.u32("directory bytes"));
  PX_TRY(d.directory_scanlines, reader.u32("directory scanlines"));
  PX_TRY(d.scanlines, reader.u32("scanlines"));
  PX_TRY(d.width, reader.u32("width"));
  PX_TRY(const std::uint32_t dtype, reader.u32("dtype"));
  PX_TRY(d.unit_bytes, reader.u32("unit bytes"));
  PX_TRY(d.units_per_line, reader.u32("units per scanline"));
  PX_TRY(tensor_count, reader.u32("tensor count"));
  PX_TRY(d.index, reader.u32("sheet index"));
  PX_TRY(d.count, reader.u32("sheet count"));
  PX_TRY(d.dtype, tensor::dtype_from_code(dtype));
  return d;
}

/// The header against itself; Sheet::open compares it with the picture.
Result<void> check_header(const Directory& d) {
  if (d.unit_bytes != sheet_unit_bytes(d.dtype)) {
    return fail(Errc::kInvalid, "sheet: unit of {} bytes, {} has {}", d.unit_bytes,
                tensor::info(d.dtype).text, sheet_unit_bytes(d.dtype));
  }
  const std::uint64_t line_bytes = std::uint64_t{d.width} * 3;
  const std::uint64_t used = std::uint64_t{d.units_per_line} * d.unit_bytes;
  if (d.units_per_line == 0 || used > line_bytes) {
    return fail(Errc::kInvalid, "sheet: {} units of {} bytes do not fit a scanline of {}",
                d.units_per_line, d.unit_bytes, line_bytes);
  }
  const std::uint64_t room = std::uint64_t{d.directory_scanlines} * line_bytes;
  if (d.directory_scanlines > d.scanlines || d.directory_bytes > room) {
    return fail(Errc::kInvalid, "sheet: directory of {} bytes in {} of {} scanlines",
                d.directory_bytes, d.directory_scanlines, d.scanlines);
  }
  if (d.index >= d.count) return fail(Errc::kInvalid, "sheet {} of {}", d.index, d.count);
  return {};
}

/// Entries must lie one behind another inside the unit area.
Result<void> check_slots(const Directory& d) {
  const std::uint64_t lines = d.scanlines - d.directory_scanlines;
  const std::uint64_t capacity = lines * d.units_per_line;
  std::uint64_t end = 0;
  for (const SheetEntry& entry : d.entries) {
    // group_count * units_per_group is bounded by tensor_extent: no overflow.
    const std::uint64_t units = entry.group_count * entry.extent.units_per_group;
    if (entry.first_slot < end || !range_fits(entry.first_slot, units, capacity)) {
      return fail(Errc::kInvalid, "tensor {}: units {} + {} of {}, {} taken before it",
                  entry.meta.name, entry.first_slot, units, capacity, end);
    }
    end = entry.first_slot + units;
  }
  return {};
}

}  // namespace

std::string_view layout_name(SheetLayout layout) {
  switch (layout) {
    case SheetLayout::kPacked16:
      return "packed16";
    case SheetLayout::kPacked16Transposed:
      return "packed16_transposed";
    case SheetLayout::kLinear:
      return "linear";
  }
  return "?";
}

// Dtypes without a packed form still need a unit to count in; 512 bytes like a u8 unit.
std::uint32_t sheet_unit_bytes(tensor::DType dtype) {
  const std::uint32_t unit = tensor::info(dtype).unit_bytes;
  return unit != 0 ? unit : kLinearUnitBytes;
}

Result<TensorExtent> tensor_extent(const TensorMeta& meta) {
  PX_CHECK(check_meta(meta));
  TensorExtent e;
  e.canonical_rows = 1;
  for (std::size_t i = 0; i + 1 < meta.shape.size(); ++i) {
    const auto rows = checked_mul(e.canonical_rows, static_cast<std::uint64_t>(meta.shape[i]));
    if (!rows) return too_large(meta);
    e.canonical_rows = *rows;
  }
  e.canonical_cols = static_cast<std::uint64_t>(meta.shape.back());
  Result<std::uint64_t> row = tensor::row_bytes(meta.dtype, e.canonical_cols);
  if (!row) return in_context("tensor " + meta.name, std::move(row).error());
  e.canonical_row_bytes = *row;
  const auto bytes = checked_mul(e.canonical_rows, e.canonical_row_bytes);
  if (!bytes || *bytes > kMaxTensorBytes) return too_large(meta);
  e.canonical_bytes = *bytes;
  PX_CHECK(set_packed(meta, e));
  return e;
}

// Kept beside encode_directory: the planner counts with it, the encoder must agree.
std::uint64_t entry_bytes(const TensorMeta& meta) {
  return kEntryFixedBytes + meta.name.size() + 8 * meta.shape.size();
}

ByteVector encode_directory(const Directory& d) {
  std::uint64_t size = kDirectoryHeaderBytes;
  for (const SheetEntry& entry : d.entries) size += entry_bytes(entry.meta);
  ByteWriter w;
  w.bytes(as_bytes(kSheetMagic));
  w.u16(kSheetVersion);
  w.u32(static_cast<std::uint32_t>(size));
  w.u32(d.directory_scanlines);
  w.u32(d.scanlines);
  w.u32(d.width);
  w.u32(static_cast<std::uint32_t>(d.dtype));
  w.u32(d.unit_bytes);
  w.u32(d.units_per_line);
  w.u32(static_cast<std::uint32_t>(d.entries.size()));
  w.u32(d.index);
  w.u32(d.count);
  w.u64(0);
  w.u64(0);
  for (const SheetEntry& entry : d.entries) put_entry(w, entry);
  const Xxh128 digest = directory_digest(w.view());
  ByteWriter field;
  field.u64(digest.low);
  field.u64(digest.high);
  ByteVector out = w.take();
  std::copy(field.view().begin(), field.view().end(), out.begin() + kDigestOffset);
  return out;
}

Result<std::uint32_t> directory_size(Bytes header) {
  ByteReader reader(header);
  PX_TRY(const Bytes magic, reader.bytes(kSheetMagic.size(), "sheet magic"));
  if (as_text(magic) != kSheetMagic) {
    return fail(Errc::kInvalid, "not a sheet: the first pixels are not \"{}\"", kSheetMagic);
  }
  PX_TRY(const std::uint16_t version, reader.u16("sheet version"));
  if (version != kSheetVersion) {
    return fail(Errc::kUnsupported, "sheet version {}, this build reads {}", version,
                kSheetVersion);
  }
  PX_TRY(const std::uint32_t size, reader.u32("directory bytes"));
  if (size < kDirectoryHeaderBytes) {
    return fail(Errc::kInvalid, "sheet: directory of {} bytes, at least {}", size,
                kDirectoryHeaderBytes);
  }
  return size;
}

Result<Directory> decode_directory(Bytes bytes) {
  PX_ASSERT(bytes.size() >= kDirectoryHeaderBytes);
  ByteReader reader(bytes);
  PX_CHECK(reader.seek(kDigestOffset, "directory digest"));
  Xxh128 stored;
  PX_TRY(stored.low, reader.u64("directory digest"));
  PX_TRY(stored.high, reader.u64("directory digest"));
  const Xxh128 actual = directory_digest(bytes);
  if (stored != actual) {
    return fail(Errc::kInvalid, "sheet: directory digest {}, expected {}", to_hex(actual),
                to_hex(stored));
  }
  std::uint32_t tensor_count = 0;
  PX_TRY(Directory d, read_header(reader, tensor_count));
  PX_CHECK(check_header(d));
  PX_CHECK(reader.seek(kDirectoryHeaderBytes, "directory entries"));
  // Bounded by the bytes that are there before anything is reserved.
  if (tensor_count > reader.remaining() / kEntryFixedBytes) {
    return fail(Errc::kInvalid, "sheet: {} tensors in a directory of {} bytes", tensor_count,
                bytes.size());
  }
  d.entries.reserve(tensor_count);
  for (std::uint32_t i = 0; i < tensor_count; ++i) {
    PX_TRY(SheetEntry entry, read_entry(reader, d.dtype));
    d.entries.push_back(std::move(entry));
  }
  if (reader.remaining() != 0) {
    return fail(Errc::kInvalid, "sheet: {} bytes after the last directory entry",
                reader.remaining());
  }
  PX_CHECK(check_slots(d));
  return d;
}

}  // namespace pxos::pixelfs
