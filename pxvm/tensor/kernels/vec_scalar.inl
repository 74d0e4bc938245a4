// The 16-lane vector of the scalar set, and what every function of a vector type means. Compiler
// vectors of baseline x86-64: no instruction beyond SSE2, no library call. Included by scalar.cpp
// only, inside its namespace.

using Lanes = float __attribute__((vector_size(64)));
using IntLanes = std::int32_t __attribute__((vector_size(64)));
using UintLanes = std::uint32_t __attribute__((vector_size(64)));

struct Vf {
  Lanes v;
};
struct Vi {
  IntLanes v;
};

PX_INLINE Vf zero_f() {
  return {Lanes{}};
}
PX_INLINE Vf set_f(float x) {
  return {x - Lanes{}};
}
PX_INLINE Vf load_f(const float* p) {
  Vf x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
/// The first n <= 16 elements; the other lanes are zero and their memory is not touched.
PX_INLINE Vf load_f_n(const float* p, std::size_t n) {
  Vf x = zero_f();
  __builtin_memcpy(&x, p, n * sizeof *p);
  return x;
}
PX_INLINE void store_f(float* p, Vf x) {
  __builtin_memcpy(p, &x, sizeof x);
}
PX_INLINE void store_f_n(float* p, Vf x, std::size_t n) {
  __builtin_memcpy(p, &x, n * sizeof *p);
}

PX_INLINE Vf add(Vf a, Vf b) {
  return {a.v + b.v};
}
PX_INLINE Vf sub(Vf a, Vf b) {
  return {a.v - b.v};
}
PX_INLINE Vf mul(Vf a, Vf b) {
  return {a.v * b.v};
}
PX_INLINE Vf div(Vf a, Vf b) {
  return {a.v / b.v};
}
/// a > b ? a : b, so b when either is NaN or both are zero (as the hardware instruction).
PX_INLINE Vf max_f(Vf a, Vf b) {
  return {a.v > b.v ? a.v : b.v};
}
PX_INLINE Vf min_f(Vf a, Vf b) {
  return {a.v < b.v ? a.v : b.v};
}
PX_INLINE Vf select_lt(Vf a, Vf b, Vf yes, Vf no) {
  return {a.v < b.v ? yes.v : no.v};
}
PX_INLINE Vf sqrt_f(Vf a) {
  for (int i = 0; i < 16; ++i) a.v[i] = __builtin_sqrtf(a.v[i]);
  return a;
}

using HalfLanes = float __attribute__((vector_size(32)));
using Doubles = double __attribute__((vector_size(64)));
using Ulongs = std::uint64_t __attribute__((vector_size(64)));

/// a * b + c of eight lanes, rounded to odd at 53 bits. a * b is exact in f64 (24 + 24 bits); the
/// sum's error is found exactly, and an inexact even sum steps to its odd neighbour on the side of
/// the error. Rounding that to f32 is then the single rounding of an FMA (53 >= 24 + 2).
PX_INLINE void fma_half(const HalfLanes& a, const HalfLanes& b, const HalfLanes& c,
                        HalfLanes& out) {
  const Doubles product = __builtin_convertvector(a, Doubles) * __builtin_convertvector(b, Doubles);
  const Doubles addend = __builtin_convertvector(c, Doubles);
  const Doubles sum = product + addend;
  const Doubles added = sum - product;
  const Doubles error = (product - (sum - added)) + (addend - added);
  const Ulongs bits = reinterpret_cast<Ulongs>(sum);
  const Ulongs inexact = reinterpret_cast<Ulongs>((error < 0.0) | (error > 0.0));  // false for NaN
  const Ulongs even = (bits & 1U) - 1U;
  const Ulongs opposite = (bits ^ reinterpret_cast<Ulongs>(error)) >> 63;
  const Ulongs step = 1U - 2U * opposite;
  const Ulongs odd = bits + (step & inexact & even);
  out = __builtin_convertvector(reinterpret_cast<Doubles>(odd), HalfLanes);
}
PX_CALL Vf fma(Vf a, Vf b, Vf c) {
  HalfLanes x[2], y[2], z[2], out[2];
  __builtin_memcpy(x, &a, sizeof x);
  __builtin_memcpy(y, &b, sizeof y);
  __builtin_memcpy(z, &c, sizeof z);
  fma_half(x[0], y[0], z[0], out[0]);
  fma_half(x[1], y[1], z[1], out[1]);
  Vf result;
  __builtin_memcpy(&result, out, sizeof result);
  return result;
}

PX_INLINE Vi set_i(std::int32_t x) {
  return {x - IntLanes{}};
}
PX_INLINE Vi add_i(Vi a, Vi b) {
  return {a.v + b.v};
}
PX_INLINE Vi sub_i(Vi a, Vi b) {  // wraps: callers subtract bit patterns
  return {reinterpret_cast<IntLanes>(reinterpret_cast<UintLanes>(a.v) -
                                     reinterpret_cast<UintLanes>(b.v))};
}
PX_INLINE Vi and_i(Vi a, Vi b) {
  return {a.v & b.v};
}
PX_INLINE Vi max_i(Vi a, Vi b) {
  return {a.v > b.v ? a.v : b.v};
}
template <int kBits>
PX_INLINE Vi shl_i(Vi a) {
  return {reinterpret_cast<IntLanes>(reinterpret_cast<UintLanes>(a.v) << kBits)};
}
template <int kBits>
PX_INLINE Vi sra_i(Vi a) {
  return {a.v >> kBits};
}
PX_INLINE Vf to_f(Vi a) {
  return {__builtin_convertvector(a.v, Lanes)};
}
/// Bit patterns.
PX_INLINE Vi as_i(Vf a) {
  return {reinterpret_cast<IntLanes>(a.v)};
}
PX_INLINE Vf as_f(Vi a) {
  return {reinterpret_cast<Lanes>(a.v)};
}

/// p * 2^n for whole n in [-150, 128] and p in [0.7, 1.5]: one rounding, in the last product.
PX_INLINE Vf scale_exp2(Vf p, Vf, Vi n) {
  const Vi half = sra_i<1>(n);
  const Vf first = as_f(shl_i<23>(add_i(half, set_i(127))));
  const Vf second = as_f(shl_i<23>(add_i(sub_i(n, half), set_i(127))));
  return mul(mul(p, first), second);
}

/// f16 bits in 32-bit lanes -> f32: the fraction moved up is the value times 2^-112, denormals
/// included.
PX_INLINE Vf widen_f16(UintLanes half) {
  const UintLanes magnitude = (half & 0x7fffU) << 13;
  const UintLanes finite =
      reinterpret_cast<UintLanes>(reinterpret_cast<Lanes>(magnitude) * 0x1p112F);
  const UintLanes quiet = (half & 0x3ffU) != 0U ? UintLanes{} + 0x0040'0000U : UintLanes{};
  const UintLanes special = (magnitude & 0x007f'ffffU) | 0x7f80'0000U | quiet;
  const UintLanes bits = (half & 0x7c00U) == 0x7c00U ? special : finite;
  return {reinterpret_cast<Lanes>(bits | (half & 0x8000U) << 16)};
}
PX_INLINE Vf load_f16_n(const std::uint16_t* p, std::size_t n) {
  UintLanes half{};
  for (std::size_t i = 0; i < n; ++i) half[i] = p[i];
  return widen_f16(half);
}
PX_CALL Vf load_f16(const void* p) {
  std::uint16_t half[16];
  __builtin_memcpy(half, p, sizeof half);
  return load_f16_n(half, 16);
}
/// Rounds half to even; a NaN keeps its sign and upper payload and becomes quiet.
PX_INLINE void store_f16_n(std::uint16_t* p, Vf x, std::size_t n) {
  const UintLanes bits = reinterpret_cast<UintLanes>(x.v);
  const UintLanes magnitude = bits & 0x7fff'ffffU;
  const Lanes aligned =
      reinterpret_cast<Lanes>(magnitude) + 0.5F;  // its ulp is 2^-24, f16's smallest
  const UintLanes denormal = reinterpret_cast<UintLanes>(aligned) - 0x3f00'0000U;
  const UintLanes normal = (magnitude + 0xfffU + (magnitude >> 13 & 1U) - 0x3800'0000U) >> 13;
  const UintLanes nan = (magnitude >> 13 & 0x3ffU) | 0x7e00U;
  UintLanes half = magnitude < 0x3880'0000U ? denormal : normal;
  half = magnitude >= 0x4780'0000U ? UintLanes{} + 0x7c00U : half;
  half = magnitude > 0x7f80'0000U ? nan : half;
  half |= bits >> 16 & 0x8000U;
  for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<std::uint16_t>(half[i]);
}
PX_INLINE Vf load_bf16(const void* p) {
  std::uint16_t half[16];
  __builtin_memcpy(half, p, sizeof half);
  UintLanes bits{};
  for (int i = 0; i < 16; ++i) bits[i] = std::uint32_t{half[i]} << 16;
  return {reinterpret_cast<Lanes>(bits)};
}
PX_INLINE Vi load_u8(const void* p) {
  std::uint8_t bytes[16];
  __builtin_memcpy(bytes, p, sizeof bytes);
  Vi x;
  for (int i = 0; i < 16; ++i) x.v[i] = bytes[i];
  return x;
}

/// Lane i takes lane i + 8, then + 4, + 2, + 1.
PX_INLINE float fold_add(Vf a) {
  for (int width = 8; width != 0; width /= 2) {
    for (int i = 0; i < width; ++i) a.v[i] = a.v[i] + a.v[i + width];
  }
  return a.v[0];
}
PX_INLINE float fold_max(Vf a) {
  for (int width = 8; width != 0; width /= 2) {
    for (int i = 0; i < width; ++i) a.v[i] = a.v[i] > a.v[i + width] ? a.v[i] : a.v[i + width];
  }
  return a.v[0];
}
PX_INLINE std::int32_t fold_max_i(Vi a) {
  std::int32_t out = a.v[0];
  for (int i = 1; i < 16; ++i) out = out > a.v[i] ? out : a.v[i];
  return out;
}
PX_INLINE std::int32_t fold_add_i(Vi a) {
  std::int32_t out = 0;
  for (int i = 0; i < 16; ++i) out += a.v[i];
  return out;
}
/// 32 int8 from 2 x 16 int32 that fit.
PX_INLINE void store_i8(std::int8_t* p, Vi low, Vi high) {
  for (int i = 0; i < 16; ++i) {
    p[i] = static_cast<std::int8_t>(low.v[i]);
    p[i + 16] = static_cast<std::int8_t>(high.v[i]);
  }
}

/// (a0 a1 a2 a3 ..) -> (a1 a0 a3 a2 ..), (a0 a0 a2 a2 ..), (a1 a1 a3 a3 ..).
PX_INLINE Vf swap_pairs(Vf a) {
  Vf out;
  for (int i = 0; i < 16; ++i) out.v[i] = a.v[i ^ 1];
  return out;
}
PX_INLINE Vf dup_even(Vf a) {
  for (int i = 0; i < 16; i += 2) a.v[i + 1] = a.v[i];
  return a;
}
PX_INLINE Vf dup_odd(Vf a) {
  for (int i = 0; i < 16; i += 2) a.v[i] = a.v[i + 1];
  return a;
}
/// Even lanes of the first, odd lanes of the second.
PX_INLINE Vf blend_odd(Vf even, Vf odd) {
  for (int i = 1; i < 16; i += 2) even.v[i] = odd.v[i];
  return even;
}
/// The 32 elements a, b split into those of even and of odd index.
PX_INLINE void deinterleave(Vf a, Vf b, Vf& even, Vf& odd) {
  for (int i = 0; i < 8; ++i) {
    even.v[i] = a.v[2 * i];
    odd.v[i] = a.v[2 * i + 1];
    even.v[i + 8] = b.v[2 * i];
    odd.v[i + 8] = b.v[2 * i + 1];
  }
}

/// to[c][0..15] = from[r][c] of up to 16 rows and columns; rows that are not there are zero.
PX_INLINE void transpose_f16(const std::uint16_t* from, std::int64_t stride, std::uint32_t rows,
                             std::uint32_t cols, float* to, std::size_t to_stride) {
  for (std::uint32_t r = 0; r < 16; ++r) {
    const Vf row = r < rows ? load_f16_n(from + r * stride, cols) : zero_f();
    for (std::uint32_t c = 0; c < cols; ++c) to[c * to_stride + r] = row.v[c];
  }
}

/// to[c][0..15] = from[r][c] of 16 rows and columns.
PX_INLINE void transpose_block(const float* from, std::size_t stride, float* to,
                               std::size_t to_stride) {
  for (std::size_t r = 0; r < 16; ++r) {
    for (std::size_t c = 0; c < 16; ++c) to[c * to_stride + r] = from[r * stride + c];
  }
}

// Keys of a tile turned so that a row holds positions.
using Key = float;
PX_INLINE Vf load_keys(const Key* p) {
  return load_f(p);
}

/// to[c][0..15] = from[r][c] for 16 rows (those not there are zero) of up to 32 columns.
PX_INLINE void transpose_keys(const std::uint16_t* from, std::int64_t stride, std::uint32_t rows,
                              std::uint32_t cols, Key* to, std::size_t to_stride) {
  for (std::uint32_t c = 0; c < cols; c += 16) {
    transpose_f16(from + c, stride, rows, cols - c < 16 ? cols - c : 16, to + c * to_stride,
                  to_stride);
  }
}

// Bytes of a block: 64 unsigned bytes, dword lane r holding four consecutive k of row r.

using ByteLanes = std::uint8_t __attribute__((vector_size(64)));
struct Vb {
  ByteLanes v;
};
PX_INLINE Vb load_b(const std::uint8_t* p) {
  Vb x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
PX_INLINE void store_b(std::uint8_t* p, Vb x) {
  __builtin_memcpy(p, &x, sizeof x);
}
PX_INLINE Vb set_b(int byte) {
  return {static_cast<std::uint8_t>(byte) | ByteLanes{}};
}
PX_INLINE Vb and_b(Vb a, Vb b) {
  return {a.v & b.v};
}
PX_INLINE Vb or_b(Vb a, Vb b) {
  return {a.v | b.v};
}
/// Every byte by itself.
template <int kBits>
PX_INLINE Vb shr_b(Vb a) {
  return {a.v >> kBits};
}
template <int kBits>
PX_INLINE Vb shl_b(Vb a) {
  return {a.v << kBits};
}
/// table[16][index]; every index below 16.
PX_CALL Vb lookup_b(const std::uint8_t* table, Vb index) {
  Vb out;
  for (int i = 0; i < 64; ++i) out.v[i] = table[index.v[i]];
  return out;
}

/// Four int8 in every lane.
PX_INLINE Vi broadcast_dword(const std::int8_t* x) {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return set_i(four);
}
/// sum[r] += sum over i < 4 of w[4 r + i] * x[i], exact; every w <= 127.
PX_CALL Vi dot_small(Vi sum, Vb w, Vi x) {
  std::int8_t four[4];
  const std::int32_t lane = x.v[0];
  __builtin_memcpy(four, &lane, sizeof four);
  for (int r = 0; r < 16; ++r) {
    sum.v[r] += w.v[4 * r] * four[0] + w.v[4 * r + 1] * four[1] + w.v[4 * r + 2] * four[2] +
                w.v[4 * r + 3] * four[3];
  }
  return sum;
}
/// With start_full(-128 * sum of all x) as the first sum: adds (w - 128) * x, any byte w. Where the
/// -128 is taken in, at the start or in each product, is the set's choice.
PX_INLINE Vi dot_full(Vi sum, Vb w, Vi x) {
  return dot_small(sum, w, x);
}
PX_INLINE Vi start_full(std::int32_t minus_128_sum) {
  return set_i(minus_128_sum);
}
