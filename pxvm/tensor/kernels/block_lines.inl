// Quant fields of a step (pack.hpp): a field of b bits is b lines of 64 bytes, and vector j of the
// step lies in line j % b at bit b * (j / b) of every byte.

/// Four lines of nibbles: the low ones are columns 0 .. 15, the high ones 16 .. 31.
PX_INLINE void load_nibbles(const std::uint8_t* lines, Vb (&w)[8]) {
  PX_UNROLL
  for (int j = 0; j < 4; ++j) {
    const Vb both = load_b(lines + 64 * j);
    w[j] = and_b(both, set_b(15));
    w[j + 4] = shr_b<4>(both);
  }
}

/// Bits of every byte from position kFrom to kTo, either way.
template <int kFrom, int kTo>
PX_INLINE Vb move_bits(Vb x) {
  if constexpr (kTo >= kFrom) {
    return shl_b<kTo - kFrom>(x);
  } else {
    return shr_b<kFrom - kTo>(x);
  }
}

/// One line of single bits: bit j of a byte becomes bit kTo of vector j.
template <int kTo>
PX_INLINE void add_bits(const std::uint8_t* line, Vb (&w)[8]) {
  const Vb bits = load_b(line);
  const Vb mask = set_b(1 << kTo);
  w[0] = or_b(w[0], and_b(move_bits<0, kTo>(bits), mask));
  w[1] = or_b(w[1], and_b(move_bits<1, kTo>(bits), mask));
  w[2] = or_b(w[2], and_b(move_bits<2, kTo>(bits), mask));
  w[3] = or_b(w[3], and_b(move_bits<3, kTo>(bits), mask));
  w[4] = or_b(w[4], and_b(move_bits<4, kTo>(bits), mask));
  w[5] = or_b(w[5], and_b(move_bits<5, kTo>(bits), mask));
  w[6] = or_b(w[6], and_b(move_bits<6, kTo>(bits), mask));
  w[7] = or_b(w[7], and_b(move_bits<7, kTo>(bits), mask));
}

/// Two lines of bit pairs as bits kTo and kTo + 1 of the eight vectors.
template <int kTo>
PX_INLINE void load_pairs(const std::uint8_t* lines, Vb (&pairs)[8]) {
  const Vb even = load_b(lines);
  const Vb odd = load_b(lines + 64);
  const Vb mask = set_b(3 << kTo);
  pairs[0] = and_b(move_bits<0, kTo>(even), mask);
  pairs[1] = and_b(move_bits<0, kTo>(odd), mask);
  pairs[2] = and_b(move_bits<2, kTo>(even), mask);
  pairs[3] = and_b(move_bits<2, kTo>(odd), mask);
  pairs[4] = and_b(move_bits<4, kTo>(even), mask);
  pairs[5] = and_b(move_bits<4, kTo>(odd), mask);
  pairs[6] = and_b(move_bits<6, kTo>(even), mask);
  pairs[7] = and_b(move_bits<6, kTo>(odd), mask);
}

/// -m of the 16 rows: K types subtract their minima.
PX_INLINE Vf load_negative_f16(const std::uint8_t* p) {
  return mul(load_f16(p), set_f(-1.0F));
}
