#pragma once
// A sheet: a PNG whose scanlines hold packed tensor units and whose file bytes are executed in
// place (docs/spec/sheet.md). A Sheet is one file; a WeightSet is the tensors of all sheets of a
// model. Opening copies nothing on the fast path and checks every address against the file size;
// digests are checked by verify(). Objects are immutable after open and safe to read from any
// thread.

#include "pixelfs/aligned_bytes.hpp"
#include "pixelfs/png.hpp"
#include "pixelfs/sheet_geometry.hpp"
#include "pxvm/base/hash.hpp"
#include "pxvm/tensor/dtype.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "pxvm/tensor/view.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pxos::pixelfs {

inline constexpr std::string_view kSheetMagic = "pxSHET";
inline constexpr std::uint16_t kSheetVersion = 1;

/// How canonical bytes became units. Codes are in the directory and fixed for ever.
enum class SheetLayout : std::uint8_t {
  kPacked16 = 1,  ///< canonical [rows, cols]; rows are matmul outputs
  kPacked16Transposed =
      2,        ///< canonical [cols, rows]; the units hold its transpose. Element types only.
  kLinear = 3,  ///< canonical bytes one after another over consecutive units; for small tensors
};
[[nodiscard]] std::string_view layout_name(SheetLayout layout);

/// What both directory and writer know of a tensor.
struct TensorMeta {
  std::string name;
  tensor::DType dtype = tensor::DType::kF32;
  SheetLayout layout = SheetLayout::kPacked16;
  std::vector<std::int64_t> shape;  ///< outermost first, last = contiguous in the canonical bytes
  tensor::AffineRange affine;       ///< U8Affine only
};

/// The canonical matrix of a shape and the packed matrix its layout makes of it. More than two
/// dimensions are flattened to [prod(outer), inner]; one dimension is one row.
struct TensorExtent {
  std::uint64_t canonical_rows = 0;
  std::uint64_t canonical_cols = 0;
  std::uint64_t canonical_row_bytes = 0;
  std::uint64_t canonical_bytes = 0;
  std::uint64_t rows = 0;  ///< of the packed matrix
  std::uint64_t cols = 0;
  std::uint64_t units_per_group = 0;  ///< units that must stay in one sheet (1 for kLinear)
  std::uint64_t groups = 0;           ///< row groups (kLinear: units)
};
/// Errors: kInvalid / kUnsupported / kLimit: name, rank 1..8, dimensions >= 1, overflow, layout
/// against dtype.
Result<TensorExtent> tensor_extent(const TensorMeta& meta);

// ---- writing
// ------------------------------------------------------------------------------------------------

/// A tensor to store. `read_canonical(offset, out)` fills `out` with canonical bytes from `offset`;
/// it is asked for the whole tensor at least twice (digest, then units), mostly in ascending order.
struct TensorInput {
  std::string name;
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<std::int64_t> shape;  ///< outermost first, last = contiguous
  SheetLayout layout = SheetLayout::kPacked16;
  tensor::AffineRange affine;
  std::function<Result<void>(std::uint64_t offset, MutBytes out)> read_canonical;
};

/// Receives sheets one after another: begin, write (front to back, many times), end.
class SheetSink {
 public:
  virtual ~SheetSink() = default;
  /// `size_bytes` is exact and known before the first byte.
  virtual Result<void> begin(const std::string& name, std::uint64_t size_bytes) = 0;
  virtual Result<void> write(Bytes bytes) = 0;
  virtual Result<void> end() = 0;
  /// True when the sink has this sheet whole from an earlier, interrupted run over the same
  /// tensors: then none of the three calls above comes for it.
  virtual Result<bool> has(const std::string& name, std::uint64_t size_bytes);
};

/// Keeps sheets in memory; for tests and small models.
class MemorySheetSink final : public SheetSink {
 public:
  struct File {
    std::string name;
    ByteVector bytes;
  };
  Result<void> begin(const std::string& name, std::uint64_t size_bytes) override;
  Result<void> write(Bytes bytes) override;
  Result<void> end() override { return {}; }
  std::vector<File> files;
};

struct SheetOptions {
  std::uint32_t line_bytes = 48000;     ///< units per scanline = max(1, line_bytes / unit bytes)
  std::uint32_t max_scanlines = 16000;  ///< per sheet
  /// Digest of the i-th tensor when an earlier run found it; the tensor is then read only once.
  std::function<std::optional<Xxh128>(std::size_t tensor)> known_digest = {};
  /// Told each digest that had to be made.
  std::function<Result<void>(std::size_t tensor, const Xxh128& digest)> on_digest = {};
};

/// done / total canonical bytes of both passes; false stops the writer with kInterrupted.
using SheetProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// Name and size of every sheet write_sheets will make, without reading a tensor.
struct SheetPlan {
  std::string name;  ///< "<dtype>.<n>.pxi", n from 0 per dtype
  std::uint64_t size_bytes = 0;
  std::uint32_t tensors = 0;
};
Result<std::vector<SheetPlan>> plan_sheets(std::span<const TensorInput> tensors,
                                           const SheetOptions& options = {});

/// Streams all sheets to `sink`: one series per dtype (ascending code), tensors in the given order.
/// Same inputs, same bytes. Holds a few scanlines and one row group (transposed: one panel of at
/// most 64 MiB). Errors: kInvalid for duplicate names or bad shapes; kInterrupted; whatever the
/// sink or a source returns.
Result<void> write_sheets(std::span<const TensorInput> tensors, SheetSink& sink,
                          const SheetProgress& progress = {}, const SheetOptions& options = {});

// ---- reading
// ------------------------------------------------------------------------------------------------

/// One tensor's run of whole row groups (kLinear: units) inside one sheet.
struct SheetEntry {
  TensorMeta meta;
  TensorExtent extent;
  Xxh128 digest;                  ///< of all canonical bytes of the tensor
  std::uint64_t first_group = 0;  ///< index of the first group here, in the whole tensor
  std::uint64_t group_count = 0;
  std::uint64_t first_slot = 0;  ///< unit number in this sheet
};

struct SheetOpen {
  PngLimits limits;  ///< for the slow path
};

class Sheet {
 public:
  /// Keeps `file`: it must stay valid and unchanged while the sheet, or a view made from it, is
  /// used. Fast path: nothing is copied but the directory. Slow path (a lossless re-save without
  /// the physical layout, or a file at an address that is not 16-byte aligned): the picture is
  /// decoded into memory. Errors: kInvalid / kUnsupported / kLimit, one line.
  static Result<Sheet> open(Bytes file, const SheetOpen& options = {});

  [[nodiscard]] bool in_place() const { return in_place_; }
  /// Why the slow path was taken; empty on the fast path.
  [[nodiscard]] const std::string& slow_reason() const { return slow_reason_; }
  [[nodiscard]] tensor::DType dtype() const { return dtype_; }
  [[nodiscard]] std::uint32_t width() const { return width_; }
  [[nodiscard]] std::uint32_t scanlines() const { return scanlines_; }
  [[nodiscard]] std::uint32_t directory_scanlines() const { return directory_scanlines_; }
  [[nodiscard]] std::uint32_t unit_bytes() const { return unit_bytes_; }
  [[nodiscard]] std::uint32_t units_per_line() const { return units_per_line_; }
  [[nodiscard]] std::uint32_t index() const { return index_; }  ///< in its series
  [[nodiscard]] std::uint32_t count() const { return count_; }  ///< sheets in its series
  [[nodiscard]] std::span<const SheetEntry> entries() const { return entries_; }
  /// Payload (3 * width bytes) of one scanline. Requires: line < scanlines().
  [[nodiscard]] Bytes scanline(std::uint32_t line) const;
  /// Where the units of an entry of this sheet lie.
  [[nodiscard]] tensor::UnitSegment segment(const SheetEntry& entry) const;
  /// In-place sheets: every chunk frame, stored header, filter byte, CRC and the Adler-32.
  /// A decoded sheet was checked by decoding. Errors: kInvalid names the scanline.
  Result<void> verify_framing() const;

 private:
  Sheet() = default;
  Result<void> decode(const PngLimits& limits);
  Result<void> parse_directory();

  Bytes file_;
  SheetGeometry geometry_;
  AlignedBytes decoded_;
  const std::uint8_t* lines_ = nullptr;  ///< payload of scanline 0
  std::uint64_t line_stride_ = 0;
  bool in_place_ = false;
  std::string slow_reason_;
  tensor::DType dtype_ = tensor::DType::kF32;
  std::uint32_t width_ = 0, scanlines_ = 0, directory_scanlines_ = 0;
  std::uint32_t unit_bytes_ = 0, units_per_line_ = 0;
  std::uint32_t index_ = 0, count_ = 0;
  std::vector<SheetEntry> entries_;
};

/// A tensor of a model, whole, as the linker wants it.
struct WeightTensor {
  TensorMeta meta;
  TensorExtent extent;
  Xxh128 digest;
  tensor::PackedTensor
      packed;  ///< kPacked16*: the [rows, cols] matrix; kLinear: the unit segments, rows = cols = 0
  Bytes linear;  ///< kLinear: the canonical bytes, at least 16-byte aligned; else empty
};

class WeightSet {
 public:
  /// Merges sheets (any order). Errors: kInvalid when segments of a tensor are missing, double or
  /// disagree, or a series is not complete.
  static Result<WeightSet> open(std::vector<Sheet> sheets);

  /// Null when there is none.
  [[nodiscard]] const WeightTensor* find(std::string_view name) const;
  [[nodiscard]] std::span<const WeightTensor> tensors() const { return tensors_; }
  [[nodiscard]] std::span<const Sheet> sheets() const { return sheets_; }
  [[nodiscard]] std::uint64_t canonical_bytes() const;
  /// One line for a person when a sheet was decoded instead of mapped; empty otherwise.
  [[nodiscard]] std::string slow_note() const;

  /// Canonical bytes [offset, offset + out.size()) of a tensor of this set: bit-exact what was
  /// written. Errors: kUsage outside the tensor.
  Result<void> read_canonical(const WeightTensor& tensor, std::uint64_t offset, MutBytes out) const;
  /// Digest of the canonical bytes, and padding that is what packing makes. Errors: kInvalid names
  /// the tensor.
  Result<void> verify_tensor(const WeightTensor& tensor) const;
  /// verify_framing of every sheet and verify_tensor of every tensor. `progress` false:
  /// kInterrupted.
  Result<void> verify(const SheetProgress& progress = {}) const;

 private:
  WeightSet() = default;
  std::vector<Sheet> sheets_;
  std::vector<WeightTensor> tensors_;
  std::vector<AlignedBytes> copies_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace pxos::pixelfs
