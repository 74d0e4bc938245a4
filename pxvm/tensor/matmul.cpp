// Matrix products: x is turned into panels once, then row groups are shared out in chunks.

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/ops.hpp"
#include "pxvm/tensor/unit_runs.hpp"

#include <algorithm>

namespace pxos::tensor {
namespace {

enum ScratchSlot : std::size_t { kInt8Panels, kFloatPanels, kThreadScratch };

/// Weight bytes of a chunk with few tokens: long enough to stream, short enough to share out.
constexpr std::uint64_t kStreamBytes = 64 * 1024;
constexpr std::int64_t kMostTilesPerChunk = 8;
/// A section with less work than this (weight bytes x tokens) is over before another thread wakes.
constexpr std::uint64_t kInlineWork = 24 * 1024;

bool is_block(DType dtype) {
  return info(dtype).block_elems > 1;
}

std::uint32_t u32(std::int64_t value) {
  return static_cast<std::uint32_t>(value);
}

class MatmulJob {
 public:
  MatmulJob(OpContext& ctx, ConstMatF32 x, std::span<const MatmulTarget> targets, RowMaker make_x)
      : ctx_(ctx), x_(x), targets_(targets), make_x_(make_x) {
    const std::uint32_t tokens = u32(x.rows);
    const std::uint32_t widest = streams() ? tokens : ctx.kernels.matmul.panel_tokens;
    panels_.count = (tokens + widest - 1) / widest;
    panels_.tokens = (tokens + panels_.count - 1) / panels_.count;
    panels_.wide = tokens - panels_.count * (panels_.tokens - 1);
    for (const MatmulTarget& target : targets) check(target);
  }

  bool run() {
    prepare_panels();
    prepare_chunks();
    auto chunk = [this](std::size_t index, std::size_t thread) { run_chunk(index, thread); };
    if (work_ < kInlineWork) {
      for (std::size_t c = 0; c < chunk_count_; ++c) chunk(c, 0);
    } else {
      ctx_.pool.run(chunk_count_, chunk);
    }
    return !stopped();
  }

 private:
  /// Tokens are dealt to panels evenly, so that no narrow panel is left over: the first `wide` hold
  /// `tokens`, the others one less.
  struct Panels {
    std::uint32_t count = 1;
    std::uint32_t tokens = 1;
    std::uint32_t wide = 1;

    [[nodiscard]] std::uint32_t width(std::uint32_t panel) const {
      return tokens - (panel < wide ? 0 : 1);
    }
    [[nodiscard]] std::int64_t first(std::uint32_t panel) const {
      return std::int64_t{panel} * tokens - std::max<std::int64_t>(0, std::int64_t{panel} - wide);
    }
  };

  [[nodiscard]] bool streams() const { return x_.rows <= kStreamTokens; }
  [[nodiscard]] bool stopped() const { return ctx_.stop.load(std::memory_order_relaxed); }

  void check(const MatmulTarget& target) const {
    const PackedTensor& w = *target.w;
    const DTypeInfo& entry = info(w.dtype);
    PX_ASSERT(entry.unit_bytes != 0 && w.cols == x_.cols);
    PX_ASSERT(w.cols % entry.block_elems == 0);
    PX_ASSERT(w.units_per_group == ceil_div(static_cast<std::uint64_t>(w.cols), entry.unit_cols));
    PX_ASSERT(target.y.rows == x_.rows && target.y.cols == w.rows);
  }

  void prepare_panels() {
    const auto any = [this](bool block) {
      return std::any_of(targets_.begin(), targets_.end(), [block](const MatmulTarget& target) {
        return is_block(target.w->dtype) == block;
      });
    };
    if (any(true)) quantize();
    if (any(false)) interleave();
  }

  /// body(first token, width) for every panel, in parallel; the first time x is made there too.
  template <class Body>
  void for_each_panel(Body body) {
    auto chunk = [&](std::size_t index, std::size_t) {
      if (stopped()) return;
      const auto panel = static_cast<std::uint32_t>(index);
      if (make_x_) make_x_(panels_.first(panel), panels_.width(panel));
      body(panels_.first(panel), panels_.width(panel));
    };
    ctx_.pool.run(panels_.count, chunk);
    make_x_ = {};
  }

  void quantize() {
    const std::uint32_t blocks = u32(x_.cols / 32);
    const std::size_t token_bytes = blocks * kPanelTokenBytes;
    std::uint8_t* panels =
        ctx_.scratch.take(kInt8Panels, static_cast<std::size_t>(x_.rows) * token_bytes);
    for_each_panel([&](std::int64_t first, std::uint32_t width) {
      ctx_.kernels.matmul.quantize_panel(x_.row(first), x_.stride, width, blocks,
                                         panels + static_cast<std::size_t>(first) * token_bytes);
    });
    int8_panels_ = panels;
  }

  /// f32 panels are [k][width].
  void interleave() {
    const std::size_t values = static_cast<std::size_t>(x_.rows * x_.cols);
    std::uint8_t* memory = ctx_.scratch.take(kFloatPanels, values * sizeof(float));
    float* panels = static_cast<float*>(static_cast<void*>(memory));
    for_each_panel([&](std::int64_t first, std::uint32_t width) {
      float* to = panels + first * x_.cols;
      for (std::uint32_t t = 0; t < width; ++t) {
        const float* from = x_.row(first + t);
        for (std::int64_t k = 0; k < x_.cols; ++k) to[k * width + t] = from[k];
      }
    });
    float_panels_ = memory;
  }

  /// Long chunks keep a slice of x in the second cache for several tiles; every thread gets a few.
  [[nodiscard]] std::int64_t tiles_per_chunk(const PackedTensor& w) const {
    const auto tile = static_cast<std::int64_t>(ctx_.kernels.matmul.tile_groups);
    const std::int64_t tiles = (w.row_groups() + tile - 1) / tile;
    return std::clamp<std::int64_t>(tiles / (4 * static_cast<std::int64_t>(ctx_.pool.threads())), 1,
                                    kMostTilesPerChunk);
  }

  [[nodiscard]] std::int64_t groups_per_chunk(const PackedTensor& w) const {
    if (!streams()) return tiles_per_chunk(w) * ctx_.kernels.matmul.tile_groups;
    const std::uint64_t group_bytes =
        std::max<std::uint64_t>(1, std::uint64_t{w.units_per_group} * info(w.dtype).unit_bytes);
    const auto streamed = static_cast<std::int64_t>(kStreamBytes / group_bytes);
    const auto shares = 4 * static_cast<std::int64_t>(ctx_.pool.threads());
    const std::int64_t fair = (w.row_groups() + shares - 1) / shares;
    return std::max<std::int64_t>(1, std::min(streamed, fair));
  }

  void prepare_chunks() {
    std::size_t most_units = 0;
    for (const MatmulTarget& target : targets_) {
      const PackedTensor& w = *target.w;
      const std::int64_t groups = groups_per_chunk(w);
      chunk_count_ +=
          ceil_div(static_cast<std::uint64_t>(w.row_groups()), static_cast<std::uint64_t>(groups));
      most_units = std::max(most_units, static_cast<std::size_t>(groups) * w.units_per_group);
      work_ += static_cast<std::uint64_t>(w.row_groups() * x_.rows) * w.units_per_group *
               info(w.dtype).unit_bytes;
    }
    kernel_bytes_ = round_up(ctx_.kernels.matmul.scratch_bytes(u32(x_.rows)), 64);
    thread_bytes_ = kernel_bytes_ + round_up(most_units * sizeof(KernelRun), 64);
    thread_scratch_ = ctx_.scratch.take(kThreadScratch, ctx_.pool.threads() * thread_bytes_);
    run_capacity_ = most_units;
  }

  void run_chunk(std::size_t index, std::size_t thread) {
    if (stopped()) return;
    for (const MatmulTarget& target : targets_) {
      const std::int64_t groups = groups_per_chunk(*target.w);
      const std::size_t chunks = ceil_div(static_cast<std::uint64_t>(target.w->row_groups()),
                                          static_cast<std::uint64_t>(groups));
      if (index < chunks) {
        const std::int64_t first = static_cast<std::int64_t>(index) * groups;
        return multiply(target, first, std::min(groups, target.w->row_groups() - first), thread);
      }
      index -= chunks;
    }
  }

  void multiply(const MatmulTarget& target, std::int64_t first, std::int64_t groups,
                std::size_t thread) const {
    const PackedTensor& w = *target.w;
    std::uint8_t* scratch = thread_scratch_ + thread * thread_bytes_;
    auto* runs = static_cast<KernelRun*>(static_cast<void*>(scratch + kernel_bytes_));
    const std::size_t run_count = list_runs(w, first, groups, {runs, run_capacity_});
    const std::int64_t row = first * kUnitRows;
    ctx_.kernels.matmul.run({.dtype = static_cast<std::uint32_t>(w.dtype),
                             .rows = u32(std::min<std::int64_t>(groups * kUnitRows, w.rows - row)),
                             .cols = static_cast<std::uint64_t>(w.cols),
                             .blocks = w.units_per_group,
                             .run_count = static_cast<std::uint32_t>(run_count),
                             .runs = runs,
                             .panels = is_block(w.dtype) ? int8_panels_ : float_panels_,
                             .tokens = u32(x_.rows),
                             .panel_count = panels_.count,
                             .panel_tokens = panels_.tokens,
                             .wide_panels = panels_.wide,
                             .y_stride = target.y.stride,
                             .y = target.y.data + row,
                             .affine_min = w.affine_min,
                             .affine_max = w.affine_max,
                             .scratch = scratch});
  }

  OpContext& ctx_;
  ConstMatF32 x_;
  std::span<const MatmulTarget> targets_;
  RowMaker make_x_;
  Panels panels_;
  const std::uint8_t* int8_panels_ = nullptr;
  const std::uint8_t* float_panels_ = nullptr;
  std::size_t chunk_count_ = 0;
  std::uint64_t work_ = 0;
  std::uint8_t* thread_scratch_ = nullptr;
  std::size_t thread_bytes_ = 0;
  std::size_t kernel_bytes_ = 0;
  std::size_t run_capacity_ = 0;
};

}  // namespace

bool matmul(OpContext& ctx, ConstMatF32 x, std::span<const MatmulTarget> targets, RowMaker make_x) {
  // The kernels know dtypes by number only (their units include nothing).
  static_assert(static_cast<int>(DType::kF32) == 0 && static_cast<int>(DType::kF16) == 1 &&
                static_cast<int>(DType::kQ4_0) == 2 && static_cast<int>(DType::kQ4_1) == 3 &&
                static_cast<int>(DType::kQ5_0) == 6 && static_cast<int>(DType::kQ5_1) == 7 &&
                static_cast<int>(DType::kQ8_0) == 8 && static_cast<int>(DType::kQ2_K) == 10 &&
                static_cast<int>(DType::kQ3_K) == 11 && static_cast<int>(DType::kQ4_K) == 12 &&
                static_cast<int>(DType::kQ5_K) == 13 && static_cast<int>(DType::kQ6_K) == 14 &&
                static_cast<int>(DType::kIQ4_NL) == 20 && static_cast<int>(DType::kBF16) == 30 &&
                static_cast<int>(DType::kMXFP4) == 39 && static_cast<int>(DType::kU8Affine) == 129);
  if (x.rows == 0) return !ctx.stop.load(std::memory_order_relaxed);
  return MatmulJob(ctx, x, targets, make_x).run();
}

}  // namespace pxos::tensor
