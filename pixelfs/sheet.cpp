#include "pixelfs/sheet.hpp"

#include "pixelfs/first_pixels.hpp"
#include "pixelfs/sheet_directory.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::pixelfs {
namespace {

constexpr std::uintptr_t kElementAlign = 16;  // F and S are multiples of 64, so units inherit this

/// Kernels load f32 and f16 elements where they lie; an odd mapping address would misalign them
/// all.
bool is_aligned(Bytes file) {
  return reinterpret_cast<std::uintptr_t>(file.data()) % kElementAlign == 0;
}

/// Copies one row of RGB or opaque RGBA pixels as RGB. False for a pixel that is not opaque.
bool copy_rgb(Bytes row, std::uint32_t channels, std::uint8_t* out) {
  if (channels == 3) {
    std::memcpy(out, row.data(), row.size());
    return true;
  }
  for (std::size_t i = 0; i < row.size(); i += 4, out += 3) {
    if (row[i + 3] != 255) return false;
    std::memcpy(out, row.data() + i, 3);
  }
  return true;
}

}  // namespace

Result<Sheet> Sheet::open(Bytes file, const SheetOpen& options) {
  Sheet sheet;
  sheet.file_ = file;
  const Result<SheetGeometry> geometry = read_geometry(file);
  if (geometry && is_aligned(file)) {
    sheet.geometry_ = *geometry;
    sheet.in_place_ = true;
    sheet.lines_ = file.data() + geometry->first;
    sheet.line_stride_ = geometry->stride;
    sheet.width_ = geometry->payload / 3;
    sheet.scanlines_ = geometry->scanlines;
  } else {
    sheet.slow_reason_ =
        geometry ? "the file is not at an aligned address" : geometry.error().message;
    PX_CHECK(sheet.decode(options.limits));
  }
  PX_CHECK(sheet.parse_directory());
  return sheet;
}

Result<void> Sheet::decode(const PngLimits& limits) {
  // Looked at before decoding: a large picture that is no sheet costs nothing.
  PX_TRY(const ByteVector magic, first_rgb_bytes(file_, kSheetMagic.size()));
  if (as_text(magic) != kSheetMagic) {
    return fail(Errc::kInvalid, "not a sheet: the first pixels are not \"{}\"", kSheetMagic);
  }
  Result<Image> decoded = decode_png(file_, limits);
  if (!decoded) return in_context("sheet (" + slow_reason_ + ")", std::move(decoded).error());
  const Image& image = *decoded;
  width_ = image.width;
  scanlines_ = image.height;
  // The stride of a mapped sheet is a multiple of 64 too, so both paths give units the same
  // alignment.
  line_stride_ = round_up(std::uint64_t{width_} * 3, kSheetAlign);
  const auto size = checked_mul<std::uint64_t>(line_stride_, scanlines_);
  if (!size) return fail(Errc::kLimit, "sheet of {} x {} pixels is too large", width_, scanlines_);
  PX_TRY(decoded_, AlignedBytes::create(*size));
  const std::size_t row_bytes = std::size_t{width_} * image.channels;
  for (std::uint32_t y = 0; y < scanlines_; ++y) {
    const Bytes row = Bytes(image.pixels).subspan(y * row_bytes, row_bytes);
    if (!copy_rgb(row, image.channels, decoded_.bytes().data() + y * line_stride_)) {
      return fail(Errc::kInvalid, "sheet: scanline {} has a pixel that is not opaque", y);
    }
  }
  lines_ = decoded_.view().data();
  return {};
}

Result<void> Sheet::parse_directory() {
  const std::uint64_t payload = std::uint64_t{width_} * 3;
  ByteVector bytes;
  // Gathers scanlines up to `size` bytes; the directory need not end with a scanline.
  const auto gather = [&](std::uint64_t size) {
    for (std::uint64_t line = 0; line < scanlines_ && line * payload < size; ++line) {
      const Bytes row = scanline(static_cast<std::uint32_t>(line));
      bytes.insert(bytes.end(), row.begin(), row.end());
    }
    const bool enough = bytes.size() >= size;
    if (enough) bytes.resize(size);
    return enough;
  };
  if (!gather(kDirectoryHeaderBytes))
    return fail(Errc::kInvalid, "sheet of {} x {} pixels has no room for its header", width_,
                scanlines_);
  PX_TRY(const std::uint32_t size, directory_size(bytes));
  bytes.clear();
  if (!gather(size))
    return fail(Errc::kInvalid, "sheet: directory of {} bytes in {} scanlines of {}", size,
                scanlines_, payload);
  PX_TRY(Directory d, decode_directory(bytes));
  // The directory is in pixels and may have travelled; the picture it is in must still be the same.
  if (d.width != width_ || d.scanlines != scanlines_) {
    return fail(Errc::kInvalid, "sheet: directory names {} x {} pixels, the picture has {} x {}",
                d.width, d.scanlines, width_, scanlines_);
  }
  dtype_ = d.dtype;
  directory_scanlines_ = d.directory_scanlines;
  unit_bytes_ = d.unit_bytes;
  units_per_line_ = d.units_per_line;
  index_ = d.index;
  count_ = d.count;
  entries_ = std::move(d.entries);
  return {};
}

Bytes Sheet::scanline(std::uint32_t line) const {
  PX_ASSERT(line < scanlines_);
  return {lines_ + line * line_stride_, std::size_t{width_} * 3};
}

tensor::UnitSegment Sheet::segment(const SheetEntry& entry) const {
  tensor::UnitSegment s;
  s.base = lines_ + directory_scanlines_ * line_stride_;
  s.line_stride = line_stride_;
  s.units_per_line = units_per_line_;
  s.first_slot = entry.first_slot;
  s.row_groups = entry.group_count;
  return s;
}

Result<void> Sheet::verify_framing() const {
  return in_place_ ? check_framing(file_, geometry_) : Result<void>{};
}

}  // namespace pxos::pixelfs
