// A product of two matrices in plain memory: the rows of one become packed units, then it is a
// product like any other.

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/ops.hpp"
#include "pxvm/tensor/pack.hpp"

#include <algorithm>

namespace pxos::tensor {
namespace {

/// Behind the slots of matmul and of attention.
constexpr std::size_t kScratchSlot = 3;
/// Packed bytes of one portion: half of a second cache or so.
constexpr std::int64_t kPortionBytes = 1 << 20;

/// Rows first .. first + count - 1 of w as units in memory of its own.
class Portion {
 public:
  Portion(OpContext& ctx, ConstMatF32 w) : ctx_(ctx), w_(w) {
    const DTypeInfo& type = info(DType::kF32);
    packed_.cols = w.cols;
    packed_.units_per_group = static_cast<std::uint32_t>(
        ceil_div(static_cast<std::uint64_t>(w.cols), std::uint64_t{type.unit_cols}));
    group_bytes_ = std::size_t{packed_.units_per_group} * type.unit_bytes;
    const auto fits =
        kPortionBytes / static_cast<std::int64_t>(std::max<std::size_t>(1, group_bytes_));
    groups_ = std::clamp<std::int64_t>(fits, 1, (w.rows + kUnitRows - 1) / kUnitRows);
    units_ = ctx.scratch.take(kScratchSlot, static_cast<std::size_t>(groups_) * group_bytes_);
  }

  [[nodiscard]] std::int64_t most_rows() const { return groups_ * kUnitRows; }

  const PackedTensor& pack(std::int64_t first, std::int64_t count) {
    const auto groups = static_cast<std::size_t>((count + kUnitRows - 1) / kUnitRows);
    auto chunk = [&](std::size_t group, std::size_t) {
      if (ctx_.stop.load(std::memory_order_relaxed)) return;
      const std::int64_t row = first + static_cast<std::int64_t>(group) * kUnitRows;
      const std::int64_t rows = std::min<std::int64_t>(kUnitRows, first + count - row);
      const auto bytes = static_cast<std::size_t>(((rows - 1) * w_.stride + w_.cols) * 4);
      pack_row_group(DType::kF32, {as_u8(w_.row(row)), bytes},
                     static_cast<std::uint64_t>(w_.stride) * sizeof(float),
                     static_cast<std::uint32_t>(rows), static_cast<std::uint64_t>(w_.cols),
                     {units_ + group * group_bytes_, group_bytes_});
    };
    ctx_.pool.run(groups, chunk);
    packed_.rows = count;
    packed_.segments.assign(1, UnitSegment{units_, 0, groups * packed_.units_per_group, 0, groups});
    return packed_;
  }

 private:
  static const std::uint8_t* as_u8(const float* values) {
    return static_cast<const std::uint8_t*>(static_cast<const void*>(values));
  }

  OpContext& ctx_;
  ConstMatF32 w_;
  PackedTensor packed_;
  std::size_t group_bytes_ = 0;
  std::int64_t groups_ = 0;
  std::uint8_t* units_ = nullptr;
};

}  // namespace

bool matmul_f32(OpContext& ctx, ConstMatF32 w, ConstMatF32 x, MatF32 y) {
  PX_ASSERT(w.cols == x.cols && y.rows == x.rows && y.cols == w.rows);
  Portion portion(ctx, w);
  for (std::int64_t row = 0; row < w.rows; row += portion.most_rows()) {
    const std::int64_t rows = std::min(portion.most_rows(), w.rows - row);
    const MatmulTarget target{&portion.pack(row, rows), {y.data + row, y.rows, rows, y.stride}};
    if (!matmul(ctx, x, {&target, 1})) return false;
  }
  return !ctx.stop.load(std::memory_order_relaxed);
}

}  // namespace pxos::tensor
