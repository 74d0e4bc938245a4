#pragma once
// The function table of one instruction set. POD only: the kernel translation units include this
// header and intrinsics, nothing else, so that no inline function compiled with their flags can be
// linked into baseline code. Filled in by scalar.cpp, avx2.cpp and avx512.cpp; chosen at run time
// by select_kernels(). Every set gives the same bits for every entry (NaN payloads apart); the
// arithmetic is documented in ops.hpp. Nothing here allocates, checks or keeps a pointer. Callers
// are matmul.cpp, attention.cpp, rows.cpp, rope.cpp.

#include <cstddef>
#include <cstdint>

namespace pxos::tensor {

/// Consecutive packed units in memory.
struct KernelRun {
  const std::uint8_t* units;
  std::uint64_t count;
};

/// Bytes of one token's part of one 32-column block of an activation panel. A panel of w tokens is,
/// for each block in ascending k: w x int8 q[32], then w each of: f32 scale s; int32 -128 * sum(q)
/// of the block, of its first and of its second half; f32 s * sum(q) of the same three.
inline constexpr std::size_t kPanelTokenBytes = 32 + 7 * 4;
/// Widest panel of any set.
inline constexpr std::uint32_t kMaxPanelTokens = 5;
/// Up to so many tokens are multiplied while the weights stream by; more go through tiles.
inline constexpr std::uint32_t kStreamTokens = 4;

/// y[t, 16 g + r] for all tokens and a few consecutive row groups.
struct MatmulChunk {
  std::uint32_t dtype;   ///< DType code
  std::uint32_t rows;    ///< rows to store: the last group may be cut
  std::uint64_t cols;    ///< K
  std::uint32_t blocks;  ///< units per group
  std::uint32_t run_count;
  const KernelRun* runs;       ///< together ceil(rows / 16) * blocks units
  const std::uint8_t* panels;  ///< int8 panels for block dtypes, else f32 [k][w] panels
  std::uint32_t tokens;        ///< T
  std::uint32_t panel_count;   ///< the first wide_panels hold panel_tokens, the others one less
  std::uint32_t panel_tokens;
  std::uint32_t wide_panels;
  std::int64_t y_stride;
  float* y;  ///< element (t, first row)
  float affine_min, affine_max;
  std::uint8_t* scratch;  ///< 64-byte aligned, scratch_bytes(tokens), one per thread
};

/// One query head at one position against one tile; lo and hi bound the visible positions of the
/// tile.
struct AttentionQuery {
  const float* q;  ///< [head_dim]
  float* partial;  ///< m, l, 14 unused, o[head_dim rounded up to 16]; 64-byte aligned
  std::uint32_t lo, hi;
};

struct AttentionShape {
  std::uint32_t head_dim;
  float scale;
  float softcap;
};

/// A tile as it lies in an f16 cache.
struct AttentionRows {
  const std::uint16_t* k;
  std::int64_t k_stride;
  const std::uint16_t* v;
  std::int64_t v_stride;
  std::uint32_t count;  ///< positions that exist, <= kAttentionTile
};

/// Memory of the cache that will be read soon: lines of keys and as many of values, each ascending
/// without gaps, as the hardware's prefetcher likes them. Any address: it is asked for only.
struct AttentionAhead {
  const std::uint16_t* k;
  const std::uint16_t* v;
  std::uint32_t lines;  ///< of 64 bytes, each of k and v
};

/// A tile widened to f32: k transposed [head_dim][64], v [64][head_dim rounded up to 16].
struct AttentionTile {
  float* k;
  float* v;
};

inline constexpr std::uint32_t kAttentionTile = 64;
inline constexpr std::uint32_t kPartialHead = 16;
/// Widest head that attention_rows and attention_reduce take.
inline constexpr std::uint32_t kMaxTurnedDim = 256;

struct RopeRow {
  const float* table;  ///< (cos, sin) pairs of this position
  std::uint32_t heads, head_dim, dims;
  std::uint32_t halves;  ///< 0: pairs (2 i, 2 i + 1); 1: pairs (i, i + dims / 2)
};

struct LayerNormRow {
  const float* x;
  const float* gain;
  const float* bias;
  float eps;
};

struct MatmulKernels {
  std::uint32_t panel_tokens;  ///< best panel width for many tokens, <= kMaxPanelTokens
  std::uint32_t tile_groups;   ///< row groups of a tile: chunks of whole tiles waste nothing

  /// One panel of `width` rows of x (stride in elements), `blocks` blocks of 32.
  void (*quantize_panel)(const float* x, std::int64_t stride, std::uint32_t width,
                         std::uint32_t blocks, std::uint8_t* panel);
  void (*run)(const MatmulChunk& chunk);
  std::size_t (*scratch_bytes)(std::uint32_t tokens);
};

struct KernelTable {
  const char* name;  ///< "scalar", "avx2", "avx512"
  const MatmulKernels& matmul;

  /// `rows` <= 64 positions; rows of k and v are `stride` elements apart.
  void (*attention_widen)(const std::uint16_t* k, std::int64_t k_stride, const std::uint16_t* v,
                          std::int64_t v_stride, std::uint32_t rows, std::uint32_t head_dim,
                          AttentionTile tile);
  /// The same for k only, from f32 rows [64][head_dim rounded up to 16]; `count` rows count.
  void (*attention_turn)(const float* rows, std::uint32_t count, std::uint32_t head_dim, float* k);
  void (*attention_tile)(const AttentionShape& shape, AttentionTile tile,
                         const AttentionQuery* queries, std::uint32_t count);
  /// Queries of one token that see the same positions, straight from the cache.
  void (*attention_rows)(const AttentionShape& shape, const AttentionRows& rows,
                         AttentionAhead ahead, const AttentionQuery* queries, std::uint32_t count);
  /// out[head_dim] = all partials, `stride` floats apart, merged in order and finished.
  void (*attention_reduce)(const float* partials, std::size_t stride, std::size_t count,
                           std::uint32_t head_dim, float* out);
  /// sum (same form as a partial) absorbs the next tile's partial.
  void (*attention_merge)(float* sum, const float* partial, std::uint32_t head_dim);
  void (*attention_finish)(const float* sum, std::uint32_t head_dim, float* out);

  void (*rmsnorm)(const float* x, const float* w, float eps, std::size_t n, float* out);
  void (*softmax)(const float* x, std::size_t n, float* out);
  void (*rope)(const RopeRow& row, float* x);
  void (*to_f16)(const float* x, std::size_t n, std::uint16_t* out);
  /// n is a multiple of 32, d has n / 32 factors: x ~ d * q (ops.hpp, kv_append).
  void (*quantize_q8)(const float* x, std::size_t n, std::int8_t* q, std::uint16_t* d);
  void (*dequantize_q8)(const std::int8_t* q, const std::uint16_t* d, std::size_t n, float* out);
  void (*mean)(const float* x, std::int64_t stride, std::size_t rows, std::size_t n, float* out);

  /// Element by element.
  void (*add)(const float* a, const float* b, std::size_t n, float* out);
  void (*mul)(const float* a, const float* b, std::size_t n, float* out);
  void (*scale)(const float* a, float factor, std::size_t n, float* out);
  void (*relu)(const float* a, std::size_t n, float* out);
  void (*silu_mul)(const float* gate, const float* up, std::size_t n, float* out);
  void (*layernorm)(const LayerNormRow& row, std::size_t n, float* out);
  void (*gelu)(const float* a, std::size_t n, float* out);
  void (*gelu_mul)(const float* a, const float* b, std::size_t n, float* out);
  void (*gelu_erf)(const float* a, std::size_t n, float* out);
  void (*softcap)(const float* a, float cap, std::size_t n, float* out);
  void (*exp)(const float* a, std::size_t n, float* out);   ///< for tests
  void (*tanh)(const float* a, std::size_t n, float* out);  ///< for tests
  void (*erf)(const float* a, std::size_t n, float* out);   ///< for tests
};

}  // namespace pxos::tensor
