#include "pixelfs/sheet_plan.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace pxos::pixelfs {
namespace {

/// Fills one series of sheets of one dtype, tensor after tensor.
class SeriesPlanner {
 public:
  SeriesPlanner(tensor::DType dtype, std::uint32_t units_per_line, std::uint32_t max_scanlines)
      : max_scanlines_(max_scanlines) {
    blank_.dtype = dtype;
    blank_.unit_bytes = sheet_unit_bytes(dtype);
    blank_.units_per_line = units_per_line;
    blank_.width = static_cast<std::uint32_t>(ceil_div(units_per_line * blank_.unit_bytes, 3));
    start_sheet();
  }

  /// Appends a tensor, cutting it between row groups wherever a sheet ends.
  /// Errors: kLimit when one group does not fit an empty sheet.
  Result<void> add(const SheetEntry& whole, std::size_t source) {
    std::uint64_t next = 0;
    while (next < whole.extent.groups) {
      const std::uint64_t fit = room_for(whole) / whole.extent.units_per_group;
      const std::uint64_t take = std::min(fit, whole.extent.groups - next);
      if (take > 0) {
        append(whole, source, next, take);
        next += take;
        continue;
      }
      if (current().directory.entries.empty()) {
        return fail(Errc::kLimit, "tensor {}: a row group of {} units does not fit a sheet",
                    whole.meta.name, whole.extent.units_per_group);
      }
      start_sheet();
    }
    return {};
  }

  /// The series; numbers and sizes are only known now.
  std::vector<PlannedSheet> finish() {
    if (current().directory.entries.empty()) sheets_.pop_back();
    for (std::size_t i = 0; i < sheets_.size(); ++i) close(sheets_[i], i);
    return std::move(sheets_);
  }

 private:
  PlannedSheet& current() { return sheets_.back(); }

  void start_sheet() {
    sheets_.emplace_back();
    current().directory = blank_;
    directory_bytes_ = kDirectoryHeaderBytes;
    used_ = 0;
  }

  /// Units left when the directory also has an entry for `tensor`.
  std::uint64_t room_for(const SheetEntry& tensor) const {
    const std::uint64_t lines = ceil_div(directory_bytes_ + entry_bytes(tensor.meta), line_bytes());
    if (lines >= max_scanlines_) return 0;
    const std::uint64_t capacity = (max_scanlines_ - lines) * blank_.units_per_line;
    return capacity > used_ ? capacity - used_ : 0;
  }

  /// Units follow each other without gaps: the first slot is what is used so far.
  void append(const SheetEntry& whole, std::size_t source, std::uint64_t first,
              std::uint64_t count) {
    SheetEntry entry = whole;
    entry.first_group = first;
    entry.group_count = count;
    entry.first_slot = used_;
    used_ += count * whole.extent.units_per_group;
    directory_bytes_ += entry_bytes(whole.meta);
    current().directory.entries.push_back(std::move(entry));
    current().sources.push_back(source);
  }

  /// Fixes R and D. The directory grew with every entry; room_for counted its scanlines all along.
  void close(PlannedSheet& sheet, std::size_t index) const {
    Directory& d = sheet.directory;
    std::uint64_t bytes = kDirectoryHeaderBytes;
    for (const SheetEntry& entry : d.entries) bytes += entry_bytes(entry.meta);
    const SheetEntry& last = d.entries.back();
    const std::uint64_t units = last.first_slot + last.group_count * last.extent.units_per_group;
    d.directory_bytes = static_cast<std::uint32_t>(bytes);
    d.directory_scanlines = static_cast<std::uint32_t>(ceil_div(bytes, line_bytes()));
    d.scanlines =
        d.directory_scanlines + static_cast<std::uint32_t>(ceil_div(units, d.units_per_line));
    d.index = static_cast<std::uint32_t>(index);
    d.count = static_cast<std::uint32_t>(sheets_.size());
    sheet.name = fmt::format("{}.{}.pxi", tensor::info(d.dtype).text, index);
    sheet.geometry = make_geometry(d.width, d.scanlines);
  }

  [[nodiscard]] std::uint64_t line_bytes() const { return std::uint64_t{blank_.width} * 3; }

  Directory blank_;
  std::uint32_t max_scanlines_;
  std::vector<PlannedSheet> sheets_;
  std::uint64_t directory_bytes_ = 0;
  std::uint64_t used_ = 0;  ///< units of the current sheet
};

/// Names are the key of a WeightSet.
Result<void> check_names(std::span<const TensorInput> tensors) {
  std::set<std::string_view> names;
  for (const TensorInput& t : tensors) {
    if (!names.insert(t.name).second)
      return fail(Errc::kInvalid, "tensor {} is there twice", t.name);
  }
  return {};
}

/// Requires: at least one tensor of this dtype.
Result<void> plan_series(std::span<const TensorInput> tensors, tensor::DType dtype,
                         const SheetOptions& options, std::vector<PlannedSheet>& out) {
  const std::uint32_t unit = sheet_unit_bytes(dtype);
  const std::uint32_t per_line =
      std::max(1U, std::min(options.line_bytes, kMaxLinePayload - 2) / unit);
  SeriesPlanner planner(dtype, per_line, options.max_scanlines);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorInput& t = tensors[i];
    if (t.dtype != dtype) continue;
    SheetEntry entry;
    entry.meta = {t.name, t.dtype, t.layout, t.shape, t.affine};
    PX_TRY(entry.extent, tensor_extent(entry.meta));
    PX_CHECK(planner.add(entry, i));
  }
  for (PlannedSheet& sheet : planner.finish()) out.push_back(std::move(sheet));
  return {};
}

}  // namespace

Result<std::vector<PlannedSheet>> make_plan(std::span<const TensorInput> tensors,
                                            const SheetOptions& options) {
  PX_CHECK(check_names(tensors));
  std::set<tensor::DType> dtypes;
  for (const TensorInput& t : tensors) dtypes.insert(t.dtype);
  std::vector<PlannedSheet> sheets;
  for (const tensor::DType dtype : dtypes) PX_CHECK(plan_series(tensors, dtype, options, sheets));
  return sheets;
}

Result<std::vector<SheetPlan>> plan_sheets(std::span<const TensorInput> tensors,
                                           const SheetOptions& options) {
  PX_TRY(const std::vector<PlannedSheet> sheets, make_plan(tensors, options));
  std::vector<SheetPlan> out;
  for (const PlannedSheet& s : sheets) {
    out.push_back(
        {s.name, s.geometry.file_bytes(), static_cast<std::uint32_t>(s.directory.entries.size())});
  }
  return out;
}

}  // namespace pxos::pixelfs
