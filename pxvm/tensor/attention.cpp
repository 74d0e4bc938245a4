// Attention: who computes which (kv head, tile, queries), never how. Many tokens: a chunk is a kv
// head and a block of queries and walks its tiles in order. Few tokens: a chunk is a kv head and a
// tile; whoever finishes the last tile of a head merges its partials in ascending order. The
// arithmetic is the same.

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/ops.hpp"

#include <algorithm>
#include <atomic>

namespace pxos::tensor {
namespace {

constexpr std::size_t kScratchSlot = 3;
constexpr std::int64_t kTile = kAttentionTile;
constexpr std::int64_t kFewTokens = 8;
constexpr std::int64_t kMaxQueryBlock = 64;
/// Queries whose partials are live at once while walking tiles: they stay in the first cache.
constexpr std::size_t kBatch = 16;
constexpr std::size_t kMaxPartialBytes = std::size_t{16} << 20;

float* floats(std::uint8_t* memory) {
  return static_cast<float*>(static_cast<void*>(memory));
}

class AttentionJob {
 public:
  AttentionJob(OpContext& ctx, const AttentionParams& params, ConstMatF32 q, const KvCache& k,
               const KvCache& v, std::int64_t pos, MatF32 out)
      : ctx_(ctx), params_(params), q_(q), k_(k), v_(v), pos_(pos), out_(out) {
    PX_ASSERT(params.kv_heads > 0 && params.heads % params.kv_heads == 0 && params.head_dim > 0);
    PX_ASSERT(q.cols == params.heads * params.head_dim && out.cols == q.cols && out.rows == q.rows);
    PX_ASSERT(k.cols == params.kv_heads * params.head_dim && v.cols == k.cols &&
              k.format == v.format);
    PX_ASSERT(k.format != KvFormat::kQ8 || params.head_dim % 32 == 0);
    PX_ASSERT(pos >= 0 && pos + q.rows <= k.rows && pos + q.rows <= v.rows && params.window >= 0);
    shape_ = {static_cast<std::uint32_t>(params.head_dim), params.scale, params.softcap};
    group_ = params.heads / params.kv_heads;
    width_ = round_up(static_cast<std::size_t>(params.head_dim), 16);
    partial_floats_ = kPartialHead + width_;
    tile_bytes_ = 3 * kAttentionTile * width_ * sizeof(float);
  }

  bool run() {
    const std::int64_t first = first_visible(0) / kTile;
    const std::int64_t tiles = (pos_ + q_.rows - 1) / kTile + 1 - first;
    const auto partials = static_cast<std::size_t>(params_.heads * q_.rows * tiles);
    const bool fits = partials * partial_floats_ * sizeof(float) <= kMaxPartialBytes;
    if (q_.rows <= kFewTokens && fits) {
      run_tiles(first, tiles);
    } else {
      run_query_blocks();
    }
    return !stopped();
  }

 private:
  [[nodiscard]] bool stopped() const { return ctx_.stop.load(std::memory_order_relaxed); }

  [[nodiscard]] std::int64_t first_visible(std::int64_t t) const {
    return params_.window == 0 ? 0 : std::max<std::int64_t>(0, pos_ + t + 1 - params_.window);
  }

  [[nodiscard]] float* out_head(std::int64_t t, std::int64_t head) const {
    return out_.row(t) + head * params_.head_dim;
  }

  /// Query (t, head) against `tile`; lo == hi when it sees nothing there.
  [[nodiscard]] AttentionQuery query(std::int64_t t, std::int64_t head, std::int64_t tile,
                                     float* partial) const {
    const std::int64_t start = tile * kTile;
    const std::int64_t lo = std::clamp<std::int64_t>(first_visible(t) - start, 0, kTile);
    const std::int64_t hi = std::clamp<std::int64_t>(pos_ + t + 1 - start, 0, kTile);
    return {q_.row(t) + head * params_.head_dim, partial, static_cast<std::uint32_t>(lo),
            static_cast<std::uint32_t>(std::max(lo, hi))};
  }

  /// Positions of the tile up to the last one that exists.
  void widen(std::int64_t kv_head, std::int64_t tile, AttentionTile to) const {
    const std::int64_t start = tile * kTile;
    const std::int64_t rows = std::min(kTile, pos_ + q_.rows - start);
    if (k_.format != KvFormat::kF16) return read_rows(start, rows, kv_head * params_.head_dim, to);
    ctx_.kernels.attention_widen(k_.f16_row(start) + kv_head * params_.head_dim, k_.stride,
                                 v_.f16_row(start) + kv_head * params_.head_dim, v_.stride,
                                 static_cast<std::uint32_t>(rows), shape_.head_dim, to);
  }

  /// What attention_widen does, for caches of other formats: keys go through f32 rows behind
  /// tile.v.
  void read_rows(std::int64_t start, std::int64_t rows, std::int64_t column,
                 AttentionTile to) const {
    float* keys = to.v + kAttentionTile * width_;
    for (std::int64_t j = 0; j < rows; ++j) {
      read_row(k_, start + j, column, keys + static_cast<std::size_t>(j) * width_);
      read_row(v_, start + j, column, to.v + static_cast<std::size_t>(j) * width_);
    }
    // Scores are computed for 32 positions at a time: those that do not exist must hold numbers.
    std::fill(keys + static_cast<std::size_t>(rows) * width_, keys + kAttentionTile * width_, 0.0F);
    ctx_.kernels.attention_turn(keys, static_cast<std::uint32_t>((rows + 31) / 32 * 32),
                                shape_.head_dim, to.k);
  }

  void read_row(const KvCache& cache, std::int64_t row, std::int64_t column, float* to) const {
    const auto dim = static_cast<std::size_t>(params_.head_dim);
    if (cache.format == KvFormat::kF32) {
      std::copy_n(cache.f32_row(row) + column, dim, to);
    } else {
      ctx_.kernels.dequantize_q8(cache.q8_row(row) + column, cache.q8_scales(row) + column / 32,
                                 dim, to);
    }
    std::fill(to + dim, to + width_, 0.0F);
  }

  [[nodiscard]] AttentionTile tile_memory(std::uint8_t* memory) const {
    return {floats(memory), floats(memory) + kAttentionTile * width_};
  }

  // Many tokens.

  void run_query_blocks() {
    const auto share = 4 * static_cast<std::int64_t>(ctx_.pool.threads());
    const std::int64_t fair = (q_.rows * params_.kv_heads + share - 1) / share;
    block_tokens_ =
        std::clamp<std::int64_t>(fair, std::min<std::int64_t>(16, q_.rows), kMaxQueryBlock);
    const std::int64_t blocks = (q_.rows + block_tokens_ - 1) / block_tokens_;
    const auto sums = static_cast<std::size_t>(block_tokens_ * group_);
    const std::size_t thread_bytes =
        tile_bytes_ + (sums + kBatch) * partial_floats_ * sizeof(float);
    std::uint8_t* memory = ctx_.scratch.take(kScratchSlot, ctx_.pool.threads() * thread_bytes);
    auto chunk = [&](std::size_t index, std::size_t thread) {
      const auto i = static_cast<std::int64_t>(index);
      // Later blocks see more positions: hand them out first.
      walk_tiles(i % params_.kv_heads, (blocks - 1 - i / params_.kv_heads) * block_tokens_,
                 memory + thread * thread_bytes);
    };
    ctx_.pool.run(static_cast<std::size_t>(blocks * params_.kv_heads), chunk);
  }

  void walk_tiles(std::int64_t kv_head, std::int64_t t0, std::uint8_t* memory) const {
    const std::int64_t t1 = std::min(q_.rows, t0 + block_tokens_);
    const AttentionTile tile_data = tile_memory(memory);
    float* sums = floats(memory + tile_bytes_);
    const std::int64_t last = (pos_ + t1 - 1) / kTile;
    for (std::int64_t tile = first_visible(t0) / kTile; tile <= last; ++tile) {
      if (stopped()) return;
      widen(kv_head, tile, tile_data);
      absorb_tile(kv_head, tile, t0, t1, tile_data, sums);
    }
    for (std::int64_t t = t0; t < t1; ++t) {
      for (std::int64_t h = 0; h < group_; ++h) {
        const float* sum = sums + static_cast<std::size_t>((t - t0) * group_ + h) * partial_floats_;
        ctx_.kernels.attention_finish(sum, shape_.head_dim, out_head(t, kv_head * group_ + h));
      }
    }
  }

  /// All queries of a block against one tile, in batches; `sums` holds their sums, then the batch's
  /// partials.
  void absorb_tile(std::int64_t kv_head, std::int64_t tile, std::int64_t t0, std::int64_t t1,
                   AttentionTile tile_data, float* sums) const {
    float* partials = sums + static_cast<std::size_t>(block_tokens_ * group_) * partial_floats_;
    AttentionQuery batch[kBatch];
    float* sum_of[kBatch];
    std::size_t count = 0;
    const auto flush = [&] {
      ctx_.kernels.attention_tile(shape_, tile_data, batch, static_cast<std::uint32_t>(count));
      for (std::size_t n = 0; n < count; ++n) {
        if (batch[n].partial != sum_of[n]) {
          ctx_.kernels.attention_merge(sum_of[n], batch[n].partial, shape_.head_dim);
        }
      }
      count = 0;
    };
    for (std::int64_t i = 0; i < (t1 - t0) * group_; ++i) {
      const std::int64_t t = t0 + i / group_;
      float* sum = sums + static_cast<std::size_t>(i) * partial_floats_;
      const bool starts = first_visible(t) / kTile == tile;  // the first partial is the sum
      float* partial = starts ? sum : partials + count * partial_floats_;
      const AttentionQuery next = query(t, kv_head * group_ + i % group_, tile, partial);
      if (next.lo == next.hi) continue;
      batch[count] = next;
      sum_of[count] = sum;
      if (++count == kBatch) flush();
    }
    if (count != 0) flush();
  }

  // Few tokens.

  struct TilePlan {
    std::int64_t first;
    std::int64_t tiles;
    float* partials;          ///< [kv head][tile][t][head of the group]
    std::uint32_t* finished;  ///< tiles done, per kv head
  };

  [[nodiscard]] float* partial_at(const TilePlan& plan, std::int64_t kv_head, std::int64_t tile,
                                  std::int64_t t, std::int64_t h) const {
    const std::int64_t index =
        ((kv_head * plan.tiles + tile - plan.first) * q_.rows + t) * group_ + h;
    return plan.partials + static_cast<std::size_t>(index) * partial_floats_;
  }

  void run_tiles(std::int64_t first, std::int64_t tiles) {
    const std::size_t threads = ctx_.pool.threads();
    const auto partials = static_cast<std::size_t>(params_.heads * q_.rows * tiles);
    const std::size_t partial_bytes = partials * partial_floats_ * sizeof(float);
    const std::size_t counter_bytes =
        static_cast<std::size_t>(params_.kv_heads) * sizeof(std::uint32_t);
    std::uint8_t* memory =
        ctx_.scratch.take(kScratchSlot, threads * tile_bytes_ + partial_bytes + counter_bytes);
    std::uint8_t* counters = memory + threads * tile_bytes_ + partial_bytes;
    std::fill(counters, counters + counter_bytes, std::uint8_t{0});
    const TilePlan plan{first, tiles, floats(memory + threads * tile_bytes_),
                        static_cast<std::uint32_t*>(static_cast<void*>(counters))};
    auto chunk = [&](std::size_t index, std::size_t thread) {
      if (stopped()) return;
      const auto i = static_cast<std::int64_t>(index);
      // All heads of a tile, then the next tile: the cache is read from one end to the other.
      const std::int64_t kv_head = i % params_.kv_heads;
      score_tile(plan, kv_head, first + i / params_.kv_heads,
                 tile_memory(memory + thread * tile_bytes_));
      // acq_rel: the last one sees every partial of this head.
      std::atomic_ref<std::uint32_t> finished(plan.finished[kv_head]);
      const std::uint32_t before = finished.fetch_add(1, std::memory_order_acq_rel);
      if (before + 1 == static_cast<std::uint32_t>(tiles)) merge_head(plan, kv_head);
    };
    const auto chunks = static_cast<std::size_t>(params_.kv_heads * tiles);
    // One short tile per head is over before another thread wakes.
    if (tiles * q_.rows * params_.heads * params_.head_dim < 1024) {
      for (std::size_t c = 0; c < chunks; ++c) chunk(c, 0);
    } else {
      ctx_.pool.run(chunks, chunk);
    }
  }

  void score_tile(const TilePlan& plan, std::int64_t kv_head, std::int64_t tile,
                  AttentionTile tile_data) const {
    if (reads_rows()) return score_rows(plan, kv_head, tile);
    widen(kv_head, tile, tile_data);
    AttentionQuery batch[kBatch];
    std::uint32_t count = 0;
    for (std::int64_t i = 0; i < q_.rows * group_; ++i) {
      const std::int64_t t = i / group_;
      const std::int64_t h = i % group_;
      batch[count] = query(t, kv_head * group_ + h, tile, partial_at(plan, kv_head, tile, t, h));
      if (batch[count].lo == batch[count].hi) continue;
      if (++count < kBatch) continue;
      ctx_.kernels.attention_tile(shape_, tile_data, batch, count);
      count = 0;
    }
    if (count != 0) ctx_.kernels.attention_tile(shape_, tile_data, batch, count);
  }

  /// One token and an f16 cache: the tile is used once per group of heads, so it is not widened.
  [[nodiscard]] bool reads_rows() const {
    return q_.rows == 1 && k_.format == KvFormat::kF16 &&
           params_.head_dim <= std::int64_t{kMaxTurnedDim};
  }

  [[nodiscard]] AttentionRows rows_of(std::int64_t kv_head, std::int64_t tile) const {
    const std::int64_t start = tile * kTile;
    const std::int64_t column = kv_head * params_.head_dim;
    return {k_.f16_row(start) + column, k_.stride, v_.f16_row(start) + column, v_.stride,
            static_cast<std::uint32_t>(std::min(kTile, pos_ + 1 - start))};
  }

  /// The share of the next tile's rows, all heads of them, that this head's turn asks for.
  [[nodiscard]] AttentionAhead ahead_of(std::int64_t kv_head, std::int64_t tile) const {
    if (tile == pos_ / kTile) return {};
    const std::int64_t share = kTile / params_.kv_heads;
    const std::int64_t row = (tile + 1) * kTile + kv_head * share;
    return {k_.f16_row(row), v_.f16_row(row), static_cast<std::uint32_t>(share * k_.stride / 32)};
  }

  void score_rows(const TilePlan& plan, std::int64_t kv_head, std::int64_t tile) const {
    const AttentionRows rows = rows_of(kv_head, tile);
    AttentionAhead ahead = ahead_of(kv_head, tile);
    AttentionQuery batch[kBatch];
    for (std::int64_t h = 0; h < group_;) {
      std::uint32_t count = 0;
      for (; h < group_ && count < kBatch; ++h, ++count) {
        batch[count] = query(0, kv_head * group_ + h, tile, partial_at(plan, kv_head, tile, 0, h));
      }
      ctx_.kernels.attention_rows(shape_, rows, ahead, batch, count);
      ahead = {};
    }
  }

  void merge_head(const TilePlan& plan, std::int64_t kv_head) const {
    if (reads_rows()) {
      for (std::int64_t h = 0; h < group_; ++h) {
        ctx_.kernels.attention_reduce(partial_at(plan, kv_head, plan.first, 0, h),
                                      static_cast<std::size_t>(group_) * partial_floats_,
                                      static_cast<std::size_t>(plan.tiles), shape_.head_dim,
                                      out_head(0, kv_head * group_ + h));
      }
      return;
    }
    for (std::int64_t t = 0; t < q_.rows; ++t) {
      const std::int64_t from = first_visible(t) / kTile;
      const std::int64_t last = (pos_ + t) / kTile;
      for (std::int64_t h = 0; h < group_; ++h) {
        float* sum = partial_at(plan, kv_head, from, t, h);
        for (std::int64_t tile = from + 1; tile <= last; ++tile) {
          ctx_.kernels.attention_merge(sum, partial_at(plan, kv_head, tile, t, h), shape_.head_dim);
        }
        ctx_.kernels.attention_finish(sum, shape_.head_dim, out_head(t, kv_head * group_ + h));
      }
    }
  }

  OpContext& ctx_;
  const AttentionParams& params_;
  ConstMatF32 q_;
  KvCache k_;
  KvCache v_;
  std::int64_t pos_;
  MatF32 out_;
  AttentionShape shape_{};
  std::int64_t group_ = 1;
  std::int64_t block_tokens_ = 1;
  std::size_t width_ = 0;
  std::size_t partial_floats_ = 0;
  std::size_t tile_bytes_ = 0;
};

}  // namespace

bool attention(OpContext& ctx, const AttentionParams& params, ConstMatF32 q, const KvCache& k,
               const KvCache& v, std::int64_t pos, MatF32 out) {
  if (q.rows == 0) return !ctx.stop.load(std::memory_order_relaxed);
  return AttentionJob(ctx, params, q, k, v, pos, out).run();
}

}  // namespace pxos::tensor
