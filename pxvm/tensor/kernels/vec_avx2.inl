// The 16-lane vector of the AVX2 set: two ymm registers, lanes 0-7 in `a`, 8-15 in `b`. Same
// functions as vec_scalar.inl, which says what each one means; included by avx2.cpp only, inside
// its namespace.

struct Vf {
  __m256 a, b;
};
struct Vi {
  __m256i a, b;
};

/// All ones in the first n of 8 lanes.
PX_INLINE __m256i first_lanes(std::size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<std::int32_t>(n)), lane);
}
PX_INLINE std::size_t low_count(std::size_t n) {
  return n < 8 ? n : 8;
}
PX_INLINE std::size_t high_count(std::size_t n) {
  return n < 8 ? 0 : n - 8;
}

PX_INLINE Vf zero_f() {
  return {_mm256_setzero_ps(), _mm256_setzero_ps()};
}
PX_INLINE Vf set_f(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
PX_INLINE Vf load_f(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
PX_INLINE Vf load_f_n(const float* p, std::size_t n) {
  return {_mm256_maskload_ps(p, first_lanes(low_count(n))),
          _mm256_maskload_ps(p + 8, first_lanes(high_count(n)))};
}
PX_INLINE void store_f(float* p, Vf x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
PX_INLINE void store_f_n(float* p, Vf x, std::size_t n) {
  _mm256_maskstore_ps(p, first_lanes(low_count(n)), x.a);
  _mm256_maskstore_ps(p + 8, first_lanes(high_count(n)), x.b);
}

PX_INLINE Vf add(Vf x, Vf y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
PX_INLINE Vf sub(Vf x, Vf y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
PX_INLINE Vf mul(Vf x, Vf y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
PX_INLINE Vf div(Vf x, Vf y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
PX_INLINE Vf fma(Vf x, Vf y, Vf z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
PX_INLINE Vf sqrt_f(Vf x) {
  return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)};
}
PX_INLINE Vf max_f(Vf x, Vf y) {
  return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}
PX_INLINE Vf min_f(Vf x, Vf y) {
  return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)};
}
PX_INLINE Vf select_lt(Vf x, Vf y, Vf yes, Vf no) {
  return {_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
          _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ))};
}

PX_INLINE Vi set_i(std::int32_t x) {
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
PX_INLINE Vi add_i(Vi x, Vi y) {
  return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}
PX_INLINE Vi sub_i(Vi x, Vi y) {
  return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)};
}
PX_INLINE Vi and_i(Vi x, Vi y) {
  return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
PX_INLINE Vi max_i(Vi x, Vi y) {
  return {_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b)};
}
template <int kBits>
PX_INLINE Vi shl_i(Vi x) {
  return {_mm256_slli_epi32(x.a, kBits), _mm256_slli_epi32(x.b, kBits)};
}
template <int kBits>
PX_INLINE Vi sra_i(Vi x) {
  return {_mm256_srai_epi32(x.a, kBits), _mm256_srai_epi32(x.b, kBits)};
}
PX_INLINE Vf to_f(Vi x) {
  return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
PX_INLINE Vi as_i(Vf x) {
  return {_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)};
}
PX_INLINE Vf as_f(Vi x) {
  return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)};
}

/// p * 2^n for whole n in [-150, 128] and p in [0.7, 1.5]: one rounding, in the last product.
PX_INLINE Vf scale_exp2(Vf p, Vf, Vi n) {
  const Vi half = sra_i<1>(n);
  const Vf first = as_f(shl_i<23>(add_i(half, set_i(127))));
  const Vf second = as_f(shl_i<23>(add_i(sub_i(n, half), set_i(127))));
  return mul(mul(p, first), second);
}

PX_INLINE __m128i load_128(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
PX_INLINE Vf load_f16(const void* p) {
  const std::uint8_t* bytes = static_cast<const std::uint8_t*>(p);
  return {_mm256_cvtph_ps(load_128(bytes)), _mm256_cvtph_ps(load_128(bytes + 16))};
}
PX_INLINE Vf load_f16_n(const std::uint16_t* p, std::size_t n) {
  std::uint16_t full[16] = {};
  __builtin_memcpy(full, p, n * sizeof *p);
  return load_f16(full);
}
PX_INLINE void store_f16_n(std::uint16_t* p, Vf x, std::size_t n) {
  std::uint16_t full[16];
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(full)),
                   _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(full + 8)),
                   _mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT));
  __builtin_memcpy(p, full, n * sizeof *p);
}
PX_INLINE __m256 widen_bf16(__m128i half) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
PX_INLINE Vf load_bf16(const void* p) {
  const std::uint8_t* bytes = static_cast<const std::uint8_t*>(p);
  return {widen_bf16(load_128(bytes)), widen_bf16(load_128(bytes + 16))};
}
PX_INLINE Vi load_u8(const void* p) {
  const __m128i bytes = load_128(p);
  return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}

PX_INLINE float fold_add(Vf x) {
  const __m256 f8 = _mm256_add_ps(x.a, x.b);
  const __m128 f4 = _mm_add_ps(_mm256_castps256_ps128(f8), _mm256_extractf128_ps(f8, 1));
  const __m128 f2 = _mm_add_ps(f4, _mm_movehl_ps(f4, f4));
  return _mm_cvtss_f32(_mm_add_ss(f2, _mm_shuffle_ps(f2, f2, 1)));
}
PX_INLINE float fold_max(Vf x) {
  const __m256 f8 = _mm256_max_ps(x.a, x.b);
  const __m128 f4 = _mm_max_ps(_mm256_castps256_ps128(f8), _mm256_extractf128_ps(f8, 1));
  const __m128 f2 = _mm_max_ps(f4, _mm_movehl_ps(f4, f4));
  return _mm_cvtss_f32(_mm_max_ss(f2, _mm_shuffle_ps(f2, f2, 1)));
}
PX_INLINE std::int32_t fold_max_i(Vi x) {
  const __m256i i8 = _mm256_max_epi32(x.a, x.b);
  const __m128i i4 = _mm_max_epi32(_mm256_castsi256_si128(i8), _mm256_extracti128_si256(i8, 1));
  const __m128i i2 = _mm_max_epi32(i4, _mm_shuffle_epi32(i4, 0x4E));
  return _mm_cvtsi128_si32(_mm_max_epi32(i2, _mm_shuffle_epi32(i2, 0xB1)));
}
PX_INLINE std::int32_t fold_add_i(Vi x) {
  const __m256i i8 = _mm256_add_epi32(x.a, x.b);
  const __m128i i4 = _mm_add_epi32(_mm256_castsi256_si128(i8), _mm256_extracti128_si256(i8, 1));
  const __m128i i2 = _mm_add_epi32(i4, _mm_shuffle_epi32(i4, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(i2, _mm_shuffle_epi32(i2, 0xB1)));
}
PX_INLINE __m128i narrow_i8(Vi x) {  // 16 x int32 in range -> 16 x int8
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8);
  return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}
PX_INLINE void store_i8(std::int8_t* p, Vi low, Vi high) {
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(p)), narrow_i8(low));
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(p + 16)), narrow_i8(high));
}

PX_INLINE Vf swap_pairs(Vf x) {
  return {_mm256_permute_ps(x.a, 0xB1), _mm256_permute_ps(x.b, 0xB1)};
}
PX_INLINE Vf dup_even(Vf x) {
  return {_mm256_moveldup_ps(x.a), _mm256_moveldup_ps(x.b)};
}
PX_INLINE Vf dup_odd(Vf x) {
  return {_mm256_movehdup_ps(x.a), _mm256_movehdup_ps(x.b)};
}
PX_INLINE Vf blend_odd(Vf even, Vf odd) {
  return {_mm256_blend_ps(even.a, odd.a, 0xAA), _mm256_blend_ps(even.b, odd.b, 0xAA)};
}
template <int kPick>
PX_INLINE __m256 pick_lanes(__m256 x, __m256 y) {  // even (0x88) or odd (0xDD) lanes of x then y
  const __m256 mixed = _mm256_shuffle_ps(x, y, kPick);
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), 0xD8));
}
PX_INLINE void deinterleave(Vf x, Vf y, Vf& even, Vf& odd) {
  even = {pick_lanes<0x88>(x.a, x.b), pick_lanes<0x88>(y.a, y.b)};
  odd = {pick_lanes<0xDD>(x.a, x.b), pick_lanes<0xDD>(y.a, y.b)};
}

/// In-register transposition: r[i] lane j <-> r[j] lane i.
PX_INLINE void transpose_registers(__m256 (&r)[8]) {
  __m256 s[8];
  for (int i = 0; i < 8; i += 2) {
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xEE);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
  }
  for (int i = 0; i < 4; ++i) {
    s[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    s[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
  }
  for (int i = 0; i < 8; ++i) r[i] = s[i];
}

PX_INLINE void transpose_f16(const std::uint16_t* from, std::int64_t stride, std::uint32_t rows,
                             std::uint32_t cols, float* to, std::size_t to_stride) {
  Vf wide[16];
  for (std::uint32_t i = 0; i < 16; ++i) {
    wide[i] = i < rows ? load_f16_n(from + i * stride, cols) : zero_f();
  }
  for (std::uint32_t quarter = 0; quarter < 4; ++quarter) {
    const std::uint32_t row0 = quarter / 2 * 8;
    const std::uint32_t col0 = quarter % 2 * 8;
    __m256 r[8];
    for (std::uint32_t i = 0; i < 8; ++i) r[i] = col0 == 0 ? wide[row0 + i].a : wide[row0 + i].b;
    transpose_registers(r);
    for (std::uint32_t i = 0; i < 8 && col0 + i < cols; ++i) {
      _mm256_storeu_ps(to + (col0 + i) * to_stride + row0, r[i]);
    }
  }
}

/// to[c][0..15] = from[r][c] of 16 rows and columns.
PX_INLINE void transpose_block(const float* from, std::size_t stride, float* to,
                               std::size_t to_stride) {
  for (std::size_t row = 0; row < 16; row += 8) {
    for (std::size_t col = 0; col < 16; col += 8) {
      __m256 r[8];
      for (std::size_t i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(from + (row + i) * stride + col);
      transpose_registers(r);
      for (std::size_t i = 0; i < 8; ++i) _mm256_storeu_ps(to + (col + i) * to_stride + row, r[i]);
    }
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

// Bytes of a block. vpmaddubsw saturates at 32767: a weight <= 127 as its unsigned side is safe
// (2 * 127 * 127); a full byte goes through |w - 128| <= 128 as the unsigned side and sign(x, w -
// 128), |x| <= 127, as the signed one (2 * 128 * 127 = 32512).

struct Vb {
  __m256i a, b;
};
PX_INLINE __m256i load_256(const std::uint8_t* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(static_cast<const void*>(p)));
}
PX_INLINE Vb load_b(const std::uint8_t* p) {
  return {load_256(p), load_256(p + 32)};
}
PX_INLINE void store_b(std::uint8_t* p, Vb v) {
  _mm256_storeu_si256(static_cast<__m256i*>(static_cast<void*>(p)), v.a);
  _mm256_storeu_si256(static_cast<__m256i*>(static_cast<void*>(p + 32)), v.b);
}
PX_INLINE Vb set_b(int byte) {
  const __m256i all = _mm256_set1_epi8(static_cast<char>(byte));
  return {all, all};
}
PX_INLINE Vb and_b(Vb x, Vb y) {
  return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
PX_INLINE Vb or_b(Vb x, Vb y) {
  return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
template <int kBits>
PX_INLINE Vb shr_b(Vb x) {
  return and_b({_mm256_srli_epi16(x.a, kBits), _mm256_srli_epi16(x.b, kBits)},
               set_b(0xff >> kBits));
}
template <int kBits>
PX_INLINE Vb shl_b(Vb x) {
  return and_b({_mm256_slli_epi16(x.a, kBits), _mm256_slli_epi16(x.b, kBits)},
               set_b(0xff & 0xff << kBits));
}
PX_INLINE Vb lookup_b(const std::uint8_t* table, Vb index) {
  const __m256i both = _mm256_broadcastsi128_si256(load_128(table));
  return {_mm256_shuffle_epi8(both, index.a), _mm256_shuffle_epi8(both, index.b)};
}

PX_INLINE Vi broadcast_dword(const std::int8_t* x) {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return {_mm256_set1_epi32(four), _mm256_set1_epi32(four)};
}
PX_INLINE __m256i add_pairs(__m256i sum, __m256i pairs) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
PX_INLINE Vi dot_small(Vi sum, Vb w, Vi x) {
  return {add_pairs(sum.a, _mm256_maddubs_epi16(w.a, x.a)),
          add_pairs(sum.b, _mm256_maddubs_epi16(w.b, x.b))};
}
PX_INLINE __m256i signed_pairs(__m256i w, __m256i x) {
  const __m256i centred = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
  return _mm256_maddubs_epi16(_mm256_abs_epi8(centred), _mm256_sign_epi8(x, centred));
}
PX_INLINE Vi dot_full(Vi sum, Vb w, Vi x) {
  return {add_pairs(sum.a, signed_pairs(w.a, x.a)), add_pairs(sum.b, signed_pairs(w.b, x.b))};
}
PX_INLINE Vi start_full(std::int32_t) {
  return set_i(0);
}
