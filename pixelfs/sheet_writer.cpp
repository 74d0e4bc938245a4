// Two passes over every tensor: digests for the directories, which come first in each file, then
// the units.

#include "pixelfs/sheet_plan.hpp"
#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/pack.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::pixelfs {
namespace {

constexpr std::uint64_t kReadBytes = 4U << 20U;
constexpr std::uint64_t kWriteBytes = 1U << 20U;
constexpr std::uint64_t kPanelBytes = 64U << 20U;

/// Counts canonical bytes of both passes for the caller's progress display.
class Meter {
 public:
  Meter(const SheetProgress& progress, std::uint64_t total) : progress_(progress), total_(total) {}
  Result<void> add(std::uint64_t bytes) {
    done_ += bytes;
    if (!progress_ || progress_(done_, total_)) return {};
    return fail(Errc::kInterrupted, "writing sheets stopped after {} of {} bytes", done_, total_);
  }

 private:
  const SheetProgress& progress_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
};

/// Frames payload bytes as scanlines and hands them to the sink in large pieces.
class LineWriter {
 public:
  LineWriter(const PlannedSheet& sheet, SheetSink& sink)
      : geometry_(sheet.geometry),
        sink_(sink),
        usable_(sheet.directory.units_per_line * sheet.directory.unit_bytes) {
    payload_.reserve(geometry_.payload);
    pending_.reserve(kWriteBytes + geometry_.stride);
  }

  /// The first scanlines: uses every payload byte and ends on a scanline boundary.
  Result<void> directory(Bytes bytes) {
    PX_CHECK(fill(bytes, geometry_.payload));
    return payload_.empty() ? Result<void>{} : flush_line();
  }
  Result<void> units(Bytes bytes) { return fill(bytes, usable_); }

  /// Ends the last scanline and the file.
  Result<void> finish() {
    if (!payload_.empty()) PX_CHECK(flush_line());
    PX_ASSERT(line_ == geometry_.scanlines);
    return sink_.write(pending_);
  }

 private:
  /// `line_bytes` of each payload are used; the rest (at most two bytes, or the directory's end) is
  /// zero.
  Result<void> fill(Bytes bytes, std::uint32_t line_bytes) {
    while (!bytes.empty()) {
      const std::size_t take = std::min<std::size_t>(bytes.size(), line_bytes - payload_.size());
      payload_.insert(payload_.end(), bytes.begin(),
                      bytes.begin() + static_cast<std::ptrdiff_t>(take));
      bytes = bytes.subspan(take);
      if (payload_.size() == line_bytes) PX_CHECK(flush_line());
    }
    return {};
  }

  Result<void> flush_line() {
    payload_.resize(geometry_.payload);
    adler_ = adler_of_line(payload_, adler_);
    append_line(pending_, geometry_, line_, payload_, adler_);
    ++line_;
    payload_.clear();
    if (pending_.size() < kWriteBytes) return {};
    PX_CHECK(sink_.write(pending_));
    pending_.clear();
    return {};
  }

  const SheetGeometry geometry_;
  SheetSink& sink_;
  const std::uint32_t usable_;  ///< payload bytes that hold units
  ByteVector payload_;
  ByteVector pending_;
  std::uint32_t line_ = 0;
  std::uint32_t adler_ = 1;
};

/// First pass: the digest of the canonical bytes, read front to back.
Result<Xxh128> digest_of(const TensorInput& input, std::uint64_t total, Meter& meter) {
  Xxh128Stream stream;
  ByteVector buffer;
  for (std::uint64_t offset = 0; offset < total; offset += buffer.size()) {
    buffer.resize(std::min(kReadBytes, total - offset));
    PX_CHECK(input.read_canonical(offset, buffer));
    stream.update(buffer);
    PX_CHECK(meter.add(buffer.size()));
  }
  return stream.digest();
}

/// Canonical bytes [first_group * unit, ...) as they are, zero to the end of the last unit.
Result<void> write_linear(const TensorInput& input, const SheetEntry& entry, LineWriter& out,
                          Meter& meter) {
  const std::uint64_t unit = sheet_unit_bytes(input.dtype);
  const std::uint64_t end =
      std::min((entry.first_group + entry.group_count) * unit, entry.extent.canonical_bytes);
  ByteVector buffer;
  for (std::uint64_t offset = entry.first_group * unit; offset < end; offset += buffer.size()) {
    buffer.resize(std::min(kReadBytes, end - offset));
    PX_CHECK(input.read_canonical(offset, buffer));
    PX_CHECK(out.units(buffer));
    PX_CHECK(meter.add(buffer.size()));
  }
  const ByteVector padding(round_up(end, unit) - end);
  return out.units(padding);
}

/// Packs `rows` (row-major rows of the packed matrix, whole groups from the start) and writes the
/// units.
Result<void> write_rows(const SheetEntry& entry, Bytes rows, std::uint64_t row_bytes,
                        LineWriter& out) {
  const TensorExtent& e = entry.extent;
  ByteVector units(e.units_per_group * sheet_unit_bytes(entry.meta.dtype));
  while (!rows.empty()) {
    const std::uint64_t count = std::min<std::uint64_t>(tensor::kUnitRows, rows.size() / row_bytes);
    tensor::pack_row_group(entry.meta.dtype, rows.first(count * row_bytes), row_bytes,
                           static_cast<std::uint32_t>(count), e.cols, units);
    PX_CHECK(out.units(units));
    rows = rows.subspan(count * row_bytes);
  }
  return {};
}

/// Reads whole row groups, several at a time while they are small.
Result<void> write_packed(const TensorInput& input, const SheetEntry& entry, LineWriter& out,
                          Meter& meter) {
  const TensorExtent& e = entry.extent;
  const std::uint64_t group_bytes = e.canonical_row_bytes * tensor::kUnitRows;
  const std::uint64_t step = std::max<std::uint64_t>(1, kReadBytes / group_bytes) * group_bytes;
  const std::uint64_t end =
      std::min((entry.first_group + entry.group_count) * group_bytes, e.canonical_bytes);
  ByteVector buffer;
  for (std::uint64_t offset = entry.first_group * group_bytes; offset < end;
       offset += buffer.size()) {
    buffer.resize(std::min(step, end - offset));
    PX_CHECK(input.read_canonical(offset, buffer));
    PX_CHECK(write_rows(entry, buffer, e.canonical_row_bytes, out));
    PX_CHECK(meter.add(buffer.size()));
  }
  return {};
}

/// Columns [first, first + count) of the canonical matrix as rows: panel[c][r] = canonical[r][first
/// + c].
Result<void> read_panel(const TensorInput& input, const TensorExtent& e, std::uint64_t first,
                        std::uint64_t count, ByteVector& panel) {
  const std::uint64_t width = tensor::info(input.dtype).block_bytes;
  const std::uint64_t step = std::max<std::uint64_t>(1, kReadBytes / e.canonical_row_bytes);
  panel.resize(count * e.canonical_rows * width);
  ByteVector rows;
  for (std::uint64_t row = 0; row < e.canonical_rows; row += step) {
    const std::uint64_t n = std::min(step, e.canonical_rows - row);
    rows.resize(n * e.canonical_row_bytes);
    PX_CHECK(input.read_canonical(row * e.canonical_row_bytes, rows));
    for (std::uint64_t c = 0; c < count; ++c) {
      std::uint8_t* to = panel.data() + (c * e.canonical_rows + row) * width;
      const std::uint8_t* from = rows.data() + (first + c) * width;
      for (std::uint64_t r = 0; r < n; ++r) {
        std::memcpy(to + r * width, from + r * e.canonical_row_bytes, width);
      }
    }
  }
  return {};
}

/// Reads the canonical matrix once per panel of row groups; a tensor of up to 64 MiB is one panel.
Result<void> write_transposed(const TensorInput& input, const SheetEntry& entry, LineWriter& out,
                              Meter& meter) {
  const TensorExtent& e = entry.extent;
  const std::uint64_t row_bytes = e.canonical_rows * tensor::info(input.dtype).block_bytes;
  const std::uint64_t step =
      std::max<std::uint64_t>(1, kPanelBytes / (row_bytes * tensor::kUnitRows)) * tensor::kUnitRows;
  const std::uint64_t end =
      std::min((entry.first_group + entry.group_count) * tensor::kUnitRows, e.rows);
  ByteVector panel;
  for (std::uint64_t first = entry.first_group * tensor::kUnitRows; first < end; first += step) {
    PX_CHECK(read_panel(input, e, first, std::min(step, end - first), panel));
    PX_CHECK(write_rows(entry, panel, row_bytes, out));
    PX_CHECK(meter.add(panel.size()));
  }
  return {};
}

/// Writes exactly entry.group_count * units_per_group units.
Result<void> write_entry(const TensorInput& input, const SheetEntry& entry, LineWriter& out,
                         Meter& meter) {
  switch (entry.meta.layout) {
    case SheetLayout::kLinear:
      return write_linear(input, entry, out, meter);
    case SheetLayout::kPacked16:
      return write_packed(input, entry, out, meter);
    case SheetLayout::kPacked16Transposed:
      return write_transposed(input, entry, out, meter);
  }
  return fail(Errc::kUsage, "tensor {}: unknown layout", input.name);
}

/// Canonical bytes that writing an entry reads.
std::uint64_t bytes_of(const SheetEntry& entry) {
  const TensorExtent& e = entry.extent;
  if (entry.meta.layout == SheetLayout::kLinear) {
    const std::uint64_t unit = sheet_unit_bytes(entry.meta.dtype);
    return std::min((entry.first_group + entry.group_count) * unit, e.canonical_bytes) -
           entry.first_group * unit;
  }
  const std::uint64_t first = entry.first_group * tensor::kUnitRows;
  const std::uint64_t end =
      std::min((entry.first_group + entry.group_count) * tensor::kUnitRows, e.rows);
  return (end - first) * (e.canonical_bytes / e.rows);
}

Result<void> write_sheet(const PlannedSheet& sheet, std::span<const TensorInput> tensors,
                         SheetSink& sink, Meter& meter) {
  PX_TRY(const bool is_there, sink.has(sheet.name, sheet.geometry.file_bytes()));
  if (is_there) {
    for (const SheetEntry& entry : sheet.directory.entries) PX_CHECK(meter.add(bytes_of(entry)));
    return {};
  }
  PX_CHECK(sink.begin(sheet.name, sheet.geometry.file_bytes()));
  LineWriter out(sheet, sink);
  PX_CHECK(out.directory(encode_directory(sheet.directory)));
  for (std::size_t i = 0; i < sheet.sources.size(); ++i) {
    PX_CHECK(write_entry(tensors[sheet.sources[i]], sheet.directory.entries[i], out, meter));
  }
  PX_CHECK(out.finish());
  return sink.end();
}

}  // namespace

Result<bool> SheetSink::has(const std::string& name, std::uint64_t size_bytes) {
  static_cast<void>(name);
  static_cast<void>(size_bytes);
  return false;
}

Result<void> MemorySheetSink::begin(const std::string& name, std::uint64_t size_bytes) {
  files.push_back({name, {}});
  files.back().bytes.reserve(size_bytes);
  return {};
}

Result<void> MemorySheetSink::write(Bytes bytes) {
  ByteVector& file = files.back().bytes;
  file.insert(file.end(), bytes.begin(), bytes.end());
  return {};
}

Result<void> write_sheets(std::span<const TensorInput> tensors, SheetSink& sink,
                          const SheetProgress& progress, const SheetOptions& options) {
  // Both passes count: a progress bar that jumps back would be a lie.
  PX_TRY(std::vector<PlannedSheet> sheets, make_plan(tensors, options));
  std::vector<std::uint64_t> sizes;
  std::uint64_t total = 0;
  for (const TensorInput& t : tensors) {
    PX_TRY(const TensorExtent extent,
           tensor_extent({t.name, t.dtype, t.layout, t.shape, t.affine}));
    sizes.push_back(extent.canonical_bytes);
    total += extent.canonical_bytes;
  }
  Meter meter(progress, 2 * total);
  std::vector<Xxh128> digests;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto known = options.known_digest ? options.known_digest(i) : std::nullopt;
    if (known) {
      digests.push_back(*known);
      PX_CHECK(meter.add(sizes[i]));
      continue;
    }
    PX_TRY(const Xxh128 digest, digest_of(tensors[i], sizes[i], meter));
    if (options.on_digest) PX_CHECK(options.on_digest(i, digest));
    digests.push_back(digest);
  }
  for (PlannedSheet& sheet : sheets) {
    for (std::size_t i = 0; i < sheet.sources.size(); ++i) {
      sheet.directory.entries[i].digest = digests[sheet.sources[i]];
    }
    PX_CHECK(write_sheet(sheet, tensors, sink, meter));
  }
  return {};
}

}  // namespace pxos::pixelfs
