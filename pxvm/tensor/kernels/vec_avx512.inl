// The 16-lane vector of the AVX-512 set: one zmm register. Same functions as vec_scalar.inl, which
// says what each one means; included by avx512.cpp only, inside its namespace.

struct Vf {
  __m512 v;
};
struct Vi {
  __m512i v;
};

PX_INLINE __mmask16 first_lanes(std::size_t n) {
  return static_cast<__mmask16>((1U << n) - 1U);
}

PX_INLINE Vf zero_f() {
  return {_mm512_setzero_ps()};
}
PX_INLINE Vf set_f(float x) {
  return {_mm512_set1_ps(x)};
}
PX_INLINE Vf load_f(const float* p) {
  return {_mm512_loadu_ps(p)};
}
PX_INLINE Vf load_f_n(const float* p, std::size_t n) {
  return {_mm512_maskz_loadu_ps(first_lanes(n), p)};
}
PX_INLINE void store_f(float* p, Vf x) {
  _mm512_storeu_ps(p, x.v);
}
PX_INLINE void store_f_n(float* p, Vf x, std::size_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), x.v);
}

PX_INLINE Vf add(Vf a, Vf b) {
  return {_mm512_add_ps(a.v, b.v)};
}
PX_INLINE Vf sub(Vf a, Vf b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
PX_INLINE Vf mul(Vf a, Vf b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
PX_INLINE Vf div(Vf a, Vf b) {
  return {_mm512_div_ps(a.v, b.v)};
}
PX_INLINE Vf fma(Vf a, Vf b, Vf c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
PX_INLINE Vf sqrt_f(Vf a) {
  return {_mm512_sqrt_ps(a.v)};
}
PX_INLINE Vf max_f(Vf a, Vf b) {
  return {_mm512_max_ps(a.v, b.v)};
}
PX_INLINE Vf min_f(Vf a, Vf b) {
  return {_mm512_min_ps(a.v, b.v)};
}
PX_INLINE Vf select_lt(Vf a, Vf b, Vf yes, Vf no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
}

PX_INLINE Vi set_i(std::int32_t x) {
  return {_mm512_set1_epi32(x)};
}
PX_INLINE Vi add_i(Vi a, Vi b) {
  return {_mm512_add_epi32(a.v, b.v)};
}
PX_INLINE Vi sub_i(Vi a, Vi b) {
  return {_mm512_sub_epi32(a.v, b.v)};
}
PX_INLINE Vi and_i(Vi a, Vi b) {
  return {_mm512_and_si512(a.v, b.v)};
}
PX_INLINE Vi max_i(Vi a, Vi b) {
  return {_mm512_max_epi32(a.v, b.v)};
}
template <int kBits>
PX_INLINE Vi shl_i(Vi a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
PX_INLINE Vi sra_i(Vi a) {
  return {_mm512_srai_epi32(a.v, kBits)};
}
PX_INLINE Vf to_f(Vi a) {
  return {_mm512_cvtepi32_ps(a.v)};
}
PX_INLINE Vi as_i(Vf a) {
  return {_mm512_castps_si512(a.v)};
}
PX_INLINE Vf as_f(Vi a) {
  return {_mm512_castsi512_ps(a.v)};
}

/// p * 2^n for whole n: one rounding.
PX_INLINE Vf scale_exp2(Vf p, Vf n, Vi) {
  return {_mm512_scalef_ps(p.v, n.v)};
}

PX_INLINE __m256i load_u16_n(const std::uint16_t* p, std::size_t n) {
  return _mm256_maskz_loadu_epi16(first_lanes(n), p);
}
PX_INLINE Vf load_f16(const void* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)))};
}
PX_INLINE Vf load_f16_n(const std::uint16_t* p, std::size_t n) {
  return {_mm512_cvtph_ps(load_u16_n(p, n))};
}
PX_INLINE void store_f16_n(std::uint16_t* p, Vf x, std::size_t n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT));
}
PX_INLINE Vf load_bf16(const void* p) {
  const __m256i half = _mm256_loadu_si256(static_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16))};
}
PX_INLINE Vi load_u8(const void* p) {
  const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return {_mm512_cvtepu8_epi32(bytes)};
}

PX_INLINE __m256 low_half(__m512 v) {
  return _mm512_castps512_ps256(v);
}
PX_INLINE __m256 high_half(__m512 v) {
  return _mm512_extractf32x8_ps(v, 1);
}
PX_INLINE float fold_add(Vf a) {
  const __m256 f8 = _mm256_add_ps(low_half(a.v), high_half(a.v));
  const __m128 f4 = _mm_add_ps(_mm256_castps256_ps128(f8), _mm256_extractf128_ps(f8, 1));
  const __m128 f2 = _mm_add_ps(f4, _mm_movehl_ps(f4, f4));
  return _mm_cvtss_f32(_mm_add_ss(f2, _mm_shuffle_ps(f2, f2, 1)));
}
PX_INLINE float fold_max(Vf a) {
  const __m256 f8 = _mm256_max_ps(low_half(a.v), high_half(a.v));
  const __m128 f4 = _mm_max_ps(_mm256_castps256_ps128(f8), _mm256_extractf128_ps(f8, 1));
  const __m128 f2 = _mm_max_ps(f4, _mm_movehl_ps(f4, f4));
  return _mm_cvtss_f32(_mm_max_ss(f2, _mm_shuffle_ps(f2, f2, 1)));
}
PX_INLINE std::int32_t fold_max_i(Vi a) {
  return _mm512_reduce_max_epi32(a.v);
}
PX_INLINE std::int32_t fold_add_i(Vi a) {
  return _mm512_reduce_add_epi32(a.v);
}
PX_INLINE void store_i8(std::int8_t* p, Vi low, Vi high) {
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(p)), _mm512_cvtepi32_epi8(low.v));
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(p + 16)), _mm512_cvtepi32_epi8(high.v));
}

PX_INLINE Vf swap_pairs(Vf a) {
  return {_mm512_permute_ps(a.v, 0xB1)};
}
PX_INLINE Vf dup_even(Vf a) {
  return {_mm512_moveldup_ps(a.v)};
}
PX_INLINE Vf dup_odd(Vf a) {
  return {_mm512_movehdup_ps(a.v)};
}
PX_INLINE Vf blend_odd(Vf even, Vf odd) {
  return {_mm512_mask_blend_ps(0xAAAA, even.v, odd.v)};
}
PX_INLINE void deinterleave(Vf a, Vf b, Vf& even, Vf& odd) {
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  even = {_mm512_permutex2var_ps(a.v, evens, b.v)};
  odd = {_mm512_permutex2var_ps(a.v, odds, b.v)};
}

/// In-register transposition: r[i] lane j <-> r[j] lane i.
PX_INLINE void transpose_registers(__m512 (&r)[16]) {
  __m512 s[16];
  for (int i = 0; i < 16; i += 2) {  // pairs of rows: 2 x 2 blocks
    s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // 4 x 4 blocks within each 128-bit lane
    r[i] = _mm512_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(s[i], s[i + 2], 0xEE);
    r[i + 2] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
  }
  for (int i = 0; i < 4; ++i) {  // 128-bit lanes
    const __m512 a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    const __m512 b = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
    const __m512 c = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
    s[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    s[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
    s[i + 8] = _mm512_shuffle_f32x4(a, c, 0xDD);
    s[i + 12] = _mm512_shuffle_f32x4(b, d, 0xDD);
  }
  for (int i = 0; i < 16; ++i) r[i] = s[i];
}

PX_INLINE void transpose_f16(const std::uint16_t* from, std::int64_t stride, std::uint32_t rows,
                             std::uint32_t cols, float* to, std::size_t to_stride) {
  __m512 r[16];
  for (std::uint32_t i = 0; i < 16; ++i) {
    r[i] = i < rows ? _mm512_cvtph_ps(load_u16_n(from + i * stride, cols)) : _mm512_setzero_ps();
  }
  transpose_registers(r);
  for (std::uint32_t i = 0; i < cols; ++i) _mm512_storeu_ps(to + i * to_stride, r[i]);
}

/// to[c][0..15] = from[r][c] of 16 rows and columns.
PX_INLINE void transpose_block(const float* from, std::size_t stride, float* to,
                               std::size_t to_stride) {
  __m512 r[16];
  for (std::size_t i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(from + i * stride);
  transpose_registers(r);
  for (std::size_t i = 0; i < 16; ++i) _mm512_storeu_ps(to + i * to_stride, r[i]);
}

// Keys of a tile turned so that a row holds positions: they stay f16 until they are used.
using Key = std::uint16_t;
PX_INLINE Vf load_keys(const Key* p) {
  return load_f16(p);
}

PX_INLINE __m512i words_of(const std::uint16_t* p, std::uint32_t n) {
  const __mmask32 first = n >= 32 ? 0xffff'ffffU : (1U << n) - 1U;
  return _mm512_maskz_loadu_epi16(first, p);
}

/// r[i] = row i of 32 words -> r[c] = columns c (low half) and c + 8 (high half) of all rows, and
/// s[c] = columns c + 16 and c + 24.
PX_INLINE void transpose_words(__m512i (&r)[16], __m512i (&s)[8]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {  // pairs of rows
    t[i] = _mm512_unpacklo_epi16(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi16(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // four rows
    r[i] = _mm512_unpacklo_epi32(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi32(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi32(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi32(t[i + 1], t[i + 3]);
  }
  // Eight rows: 128-bit lane L of t[8 h + c] is column 8 L + c of rows 8 h .. 8 h + 7.
  for (int i = 0; i < 16; i += 8) {
    for (int k = 0; k < 4; ++k) {
      t[i + 2 * k] = _mm512_unpacklo_epi64(r[i + k], r[i + k + 4]);
      t[i + 2 * k + 1] = _mm512_unpackhi_epi64(r[i + k], r[i + k + 4]);
    }
  }
  const __m512i lower = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i upper = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  for (int c = 0; c < 8; ++c) {
    r[c] = _mm512_permutex2var_epi64(t[c], lower, t[c + 8]);
    s[c] = _mm512_permutex2var_epi64(t[c], upper, t[c + 8]);
  }
}

PX_INLINE void store_half(Key* to, __m256i positions) {
  _mm256_storeu_si256(static_cast<__m256i*>(static_cast<void*>(to)), positions);
}

/// to[c][0..15] = from[r][c] for 16 rows (those not there are zero) of up to 32 columns.
PX_INLINE void transpose_keys(const std::uint16_t* from, std::int64_t stride, std::uint32_t rows,
                              std::uint32_t cols, Key* to, std::size_t to_stride) {
  __m512i r[16];
  __m512i s[8];
  if (rows == 16 && cols == 32) {
    for (std::uint32_t i = 0; i < 16; ++i, from += stride) r[i] = _mm512_loadu_si512(from);
    transpose_words(r, s);
    for (std::uint32_t c = 0; c < 8; ++c, to += to_stride) {
      store_half(to, _mm512_castsi512_si256(r[c]));
      store_half(to + 8 * to_stride, _mm512_extracti64x4_epi64(r[c], 1));
      store_half(to + 16 * to_stride, _mm512_castsi512_si256(s[c]));
      store_half(to + 24 * to_stride, _mm512_extracti64x4_epi64(s[c], 1));
    }
    return;
  }
  for (std::uint32_t i = 0; i < 16; ++i) {
    r[i] = i < rows ? words_of(from + i * stride, cols) : _mm512_setzero_si512();
  }
  transpose_words(r, s);
  alignas(64) Key all[32][16];
  for (std::uint32_t c = 0; c < 8; ++c) {
    store_half(all[c], _mm512_castsi512_si256(r[c]));
    store_half(all[c + 8], _mm512_extracti64x4_epi64(r[c], 1));
    store_half(all[c + 16], _mm512_castsi512_si256(s[c]));
    store_half(all[c + 24], _mm512_extracti64x4_epi64(s[c], 1));
  }
  for (std::uint32_t c = 0; c < cols; ++c) __builtin_memcpy(to + c * to_stride, all[c], 32);
}

// Bytes of a block: weights unsigned, so that vpdpbusd needs no sign trick.

struct Vb {
  __m512i v;
};
PX_INLINE Vb load_b(const std::uint8_t* p) {
  return {_mm512_loadu_si512(p)};
}
PX_INLINE void store_b(std::uint8_t* p, Vb a) {
  _mm512_storeu_si512(p, a.v);
}
PX_INLINE Vb set_b(int byte) {
  return {_mm512_set1_epi8(static_cast<char>(byte))};
}
PX_INLINE Vb and_b(Vb a, Vb b) {
  return {_mm512_and_si512(a.v, b.v)};
}
PX_INLINE Vb or_b(Vb a, Vb b) {
  return {_mm512_or_si512(a.v, b.v)};
}
template <int kBits>
PX_INLINE Vb shr_b(Vb a) {
  return and_b({_mm512_srli_epi16(a.v, kBits)}, set_b(0xff >> kBits));
}
template <int kBits>
PX_INLINE Vb shl_b(Vb a) {
  return and_b({_mm512_slli_epi16(a.v, kBits)}, set_b(0xff & 0xff << kBits));
}
PX_INLINE Vb lookup_b(const std::uint8_t* table, Vb index) {
  const __m128i small =
      _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(table)));
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(small), index.v)};
}

PX_INLINE Vi broadcast_dword(const std::int8_t* x) {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return {_mm512_set1_epi32(four)};
}
PX_INLINE Vi dot_small(Vi sum, Vb w, Vi x) {
  return {_mm512_dpbusd_epi32(sum.v, w.v, x.v)};
}
PX_INLINE Vi dot_full(Vi sum, Vb w, Vi x) {
  return {_mm512_dpbusd_epi32(sum.v, w.v, x.v)};
}
PX_INLINE Vi start_full(std::int32_t minus_128_sum) {
  return {_mm512_set1_epi32(minus_128_sum)};
}
