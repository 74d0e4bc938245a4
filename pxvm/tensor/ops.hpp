#pragma once
// Tensor operations: equations over views, bit-exact by contract (docs/spec/determinism.md): the
// bits depend on dtypes and values only, never on threads, kernel set, batch split or memory
// layout. Every function runs its chunks on ctx.pool and polls ctx.stop once per chunk; when it is
// set the destination is undefined and the function returns false. Destinations alias no source
// unless said.

#include "pxvm/base/thread_pool.hpp"
#include "pxvm/tensor/kernels/kernel_table.hpp"
#include "pxvm/tensor/view.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace pxos::tensor {

/// Reusable working memory of one running guest (activation panels, attention partials). Grows on
/// demand; addresses are valid until the next operation.
class Scratch {
 public:
  /// 64-byte aligned memory of at least `bytes`; invalidates what `take(slot)` gave before for this
  /// slot.
  std::uint8_t* take(std::size_t slot, std::size_t bytes);
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::size_t kSlots = 4;
  struct Free {
    void operator()(std::uint8_t* p) const;
  };
  std::array<std::unique_ptr<std::uint8_t[], Free>, kSlots> memory_;
  std::array<std::size_t, kSlots> size_{};
};

struct OpContext {
  const KernelTable& kernels;
  ThreadPool& pool;
  Scratch& scratch;
  const std::atomic<bool>& stop;
};

/// One product of a group that shares its input: y[t, n] = sum_k x[t, k] * w[n, k].
struct MatmulTarget {
  const PackedTensor* w;  // [n, k]
  MatF32 y;               // [T, n]
};

/// Non-owning reference to a callable void(first row, rows); valid during the call only, may be
/// empty.
class RowMaker {
 public:
  RowMaker() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cv_t<F>, RowMaker>)
      RowMaker(F& function)  // NOLINT(google-explicit-constructor): a call-site adaptor
      : object_(&function), call_([](void* object, std::int64_t first, std::int64_t count) {
          (*static_cast<F*>(object))(first, count);
        }) {}
  explicit operator bool() const { return call_ != nullptr; }
  void operator()(std::int64_t first, std::int64_t count) const { call_(object_, first, count); }

 private:
  void* object_ = nullptr;
  void (*call_)(void*, std::int64_t, std::int64_t) = nullptr;
};

/// All targets in one parallel section; x[T, k] is quantised once when any target has a block
/// dtype.
/// Numerics, block dtypes: x per 32 values, s = amax / 127 in f32, q = round-half-even(x / s);
///   s = 0 gives q = 0, a block with a non-finite value gets s = NaN. A scale group of the weights
///   is 32 columns, 16 in Q6_K, Q3_K, Q2_K; its integer dot of levels and q is exact and it costs
///   one f32 FMA, groups ascending in k: y = fma(float(dot), D * s, y), D = d or d * (group scale).
///   Types with a minimum then add y = fma(M, s * float(sum q), y), the sum being the group's;
///   M = m, or -(m * (group minimum)) in K types. Levels, D and M: dequantize_fields (block.hpp).
/// Numerics, F32/F16/BF16/U8Affine: y = fma(w, x, y), k ascending from y = 0.
///
/// `make_x` writes rows first .. first + count - 1 of x; it is called once for every row before
/// that row is read, on the thread that then turns it into a panel (a norm in front of a product
/// costs no section of its own, and its rows are still in the cache). Not called once ctx.stop is
/// set.
bool matmul(OpContext& ctx, ConstMatF32 x, std::span<const MatmulTarget> targets,
            RowMaker make_x = {});

/// The same for two matrices in plain memory: y[t, n] = sum_k x[t, k] * w[n, k], with the bits of a
/// packed F32 w. Works through w in portions, so that its packed copy stays in the caches.
bool matmul_f32(OpContext& ctx, ConstMatF32 w, ConstMatF32 x, MatF32 y);

/// out[t, :] = dequantised row ids[t] of `table`. Requires: 0 <= ids[t] < table.rows.
bool gather_rows(OpContext& ctx, const PackedTensor& table, std::span<const std::int32_t> ids,
                 MatF32 out);

/// out[t, i] = x[t, i] * (1 / sqrt(mean_i(x[t, i]^2) + eps)) * w[i]; out may be x.
/// Numerics: sum in 16 lanes (i mod 16), s = fma(x, x, s), folded 8-4-2-1; then (x * inv) * w.
bool rmsnorm(OpContext& ctx, ConstMatF32 x, std::span<const float> w, float eps, MatF32 out);

/// The same for every run of w.size() columns of a row (a head) by itself.
bool head_norm(OpContext& ctx, ConstMatF32 x, std::span<const float> w, float eps, MatF32 out);

struct LayerNormParams {
  std::span<const float> gain;
  std::span<const float> bias;
  float eps = 0;
};

/// out[t, i] = (x[t, i] - m) * (1 / sqrt(v + eps)) * gain[i] + bias[i], m = mean_i(x[t, i]),
/// v = mean_i((x[t, i] - m)^2); out may be x.
/// Numerics: both sums in 16 lanes (i mod 16) folded 8-4-2-1, s = s + x, then s = fma(d, d, s),
///   d = x - m, each divided by the number of columns; then fma(d * inv, gain, bias).
bool layernorm(OpContext& ctx, ConstMatF32 x, const LayerNormParams& params, MatF32 out);

enum class RopePairing : std::uint8_t {
  kAdjacent = 0,  ///< pairs (2 i, 2 i + 1), as LLaMA GGUF files store q and k
  kHalves = 1,    ///< pairs (i, i + dims / 2), "neox"
};

struct RopeParams {
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t dims = 0;  ///< rotated leading dimensions of a head, even, <= head_dim
  float base = 10000.0F;
  RopePairing pairing = RopePairing::kAdjacent;

  // Contexts longer than the model was first trained for.
  float factor = 1;      ///< frequencies are divided by it: positions are squeezed together
  float original = 0;    ///< YaRN: positions of the first training; 0 = none, all are divided
  float beta_fast = 32;  ///< YaRN: pairs that turn more often than this in `original` keep theirs
  float beta_slow = 1;   ///< YaRN: pairs that turn less often are divided; between, a ramp
  float magnitude = 1;   ///< of the rotated vectors
};
/// Smallest factor of a frequency: with positions below 2^24 every angle stays below 2^30.
inline constexpr float kMinRopeFactor = 0.125F;

/// Rotations of consecutive positions from `first` on: entry (pos, i) = magnitude * (cos, sin) of
/// pos * f[i], which depends on nothing else.
///   f[i] = base^(-2 i / dims) / factors[i] * (ramp(i) + (1 - ramp(i)) / factor)
///   ramp(i) = 1 - clamp((i - low) / max(0.001, high - low), 0, 1); 0 without YaRN, where
///   low = max(0, floor(c(beta_fast))), high = min(dims - 1, ceil(c(beta_slow))),
///   c(beta) = dims ln(original / (2 pi beta)) / (2 ln base).
/// Computed in f64 with our own sin, cos, exp, log, rounded once to f32; the caller keeps it.
/// Requires: table.size() is a multiple of dims (cos and sin interleaved); `factors` is empty (all
/// 1) or dims / 2 numbers; base >= 1; every factor is finite and >= kMinRopeFactor.
void rope_table(const RopeParams& params, std::int64_t first, std::span<float> table,
                std::span<const float> factors = {});

/// Rotates x[t, h * head_dim + ...] in place by row pos + t of the table:
/// (a, b) -> (a cos - b sin, a sin + b cos), each as mul, then fma.
bool rope(OpContext& ctx, const RopeParams& params, std::span<const float> table, std::int64_t pos,
          MatF32 x);

/// cache[pos + t, :] = x[t, :], rounded half to even when the cache is f16. Requires: pos + T <=
/// cache.rows. A q8 cache, per 32 values: d = f16(amax / 127), q = round-half-even(x / d) within
/// +-127, all 0 when d is 0; a block with a non-finite value gets d = NaN. It reads as d * q in
/// f32.
bool kv_append(OpContext& ctx, ConstMatF32 x, std::int64_t pos, const KvCache& cache);

struct AttentionParams {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  ///< divides heads; query head h reads kv head h / (heads / kv_heads)
  std::int64_t head_dim = 0;
  float scale = 0;          ///< usually 1 / sqrt(head_dim)
  std::int64_t window = 0;  ///< 0 = full causal, else only the last `window` positions
  float softcap = 0;        ///< 0 = none, else s = cap * tanh(s / cap)
};

/// Causal grouped-query attention of T queries at positions pos .. pos + T - 1 over cache rows 0 ..
/// pos + t. out[t, h] = sum_j softmax_j(scale * q[t, h] . k[j, g]) v[j, g]. Numerics: tiles of 64
/// absolute positions. In a tile: s_j = scale * dot, dot an FMA chain over d ascending;
///   m = max s_j; p_j = exp(s_j - m); l = sum p_j and o = sum p_j v_j (FMA), j ascending from zero.
///   Tiles merge ascending: M' = max(M, m), a = exp(M - M'), b = exp(m - M'); L = fma(l, b, L * a);
///   O = fma(o, b, O * a); finally out = O / L.
bool attention(OpContext& ctx, const AttentionParams& params, ConstMatF32 q, const KvCache& k,
               const KvCache& v, std::int64_t pos, MatF32 out);

/// Element by element; out may be any source. Row vectors broadcast over t where named `row`.
bool add(OpContext& ctx, ConstMatF32 a, ConstMatF32 b, MatF32 out);  ///< a + b
bool mul(OpContext& ctx, ConstMatF32 a, ConstMatF32 b, MatF32 out);  ///< a * b
bool add_row(OpContext& ctx, ConstMatF32 a, std::span<const float> row,
             MatF32 out);                                             ///< a[t, i] + row[i]
bool scale(OpContext& ctx, ConstMatF32 a, float factor, MatF32 out);  ///< a * factor
bool relu(OpContext& ctx, ConstMatF32 a, MatF32 out);                 ///< max(a, 0); NaN stays NaN
bool silu_mul(OpContext& ctx, ConstMatF32 gate, ConstMatF32 up,
              MatF32 out);  ///< gate / (1 + exp(-gate)) * up
/// a / (1 + exp(-2 u)), 2 u = a * fma(a * a, c1, c0), c0 = f32(2 sqrt(2 / pi)), c1 = f32(0.044715 *
/// 2 sqrt(2 / pi)): the tanh form of GELU.
bool gelu(OpContext& ctx, ConstMatF32 a, MatF32 out);
bool gelu_mul(OpContext& ctx, ConstMatF32 gate, ConstMatF32 up, MatF32 out);  ///< gelu(gate) * up
bool gelu_erf(OpContext& ctx, ConstMatF32 a, MatF32 out);  ///< a / 2 * (1 + erf(a / sqrt(2)))
bool softcap(OpContext& ctx, ConstMatF32 a, float cap, MatF32 out);  ///< cap * tanh(a / cap)

/// out[0, i] = mean over t of x[t, i]: sum in t ascending, then one division by T.
bool mean_rows(OpContext& ctx, ConstMatF32 x, MatF32 out);

/// Row-wise softmax: m = max, p = exp(x - m), sum in 16 lanes folded 8-4-2-1, p / sum. out may be
/// x.
bool softmax_rows(OpContext& ctx, ConstMatF32 x, MatF32 out);

/// The k largest of one row, descending; equal values in ascending index; NaN ranks below every
/// number. False: stopped, and nothing was written.
bool top_k(const std::atomic<bool>& stop, std::span<const float> x, std::span<std::int32_t> ids,
           std::span<float> values);

/// Smallest and largest of one row (NaN skipped; both 0 when nothing is left).
struct MinMax {
  float min = 0;
  float max = 0;
  bool found = false;  ///< there was a number
};
[[nodiscard]] MinMax min_max(std::span<const float> x);

}  // namespace pxos::tensor
