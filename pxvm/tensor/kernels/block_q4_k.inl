// Q4_K and Q5_K: f16 d and m of the 16 rows, 12 planes of 6-bit group scales and minima, then eight
// steps of nibbles, in Q5_K behind a line of fifth bits.

/// Factors of group s: d * scale and -m * minimum.
PX_INLINE void load_six_pairs(const std::uint8_t* unit, std::uint32_t s,
                              StepWeights<MinForm>& out) {
  const std::uint8_t* planes = unit + 64;
  const Vi both = load_u8(planes + 16 * s);
  const Vi upper = load_u8(planes + 128 + 16 * (s % 4));
  const Vi high = s < 4 ? and_i(upper, set_i(15)) : sra_i<4>(upper);
  const Vi minimum = add_i(sra_i<6>(both), shl_i<2>(high));
  out.d[0] = mul(load_f16(unit), to_f(and_i(both, set_i(63))));
  out.m[0] = mul(load_negative_f16(unit + 32), to_f(minimum));
}

struct BlockQ4_K {
  static constexpr std::size_t kUnitBytes = 2304;
  static constexpr std::uint32_t kSteps = 8;
  using Form = MinForm;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t s, StepWeights<Form>& out) {
    load_nibbles(unit + 256 + 256 * s, out.w);
    load_six_pairs(unit, s, out);
  }
};

struct BlockQ5_K {
  static constexpr std::size_t kUnitBytes = 2816;
  static constexpr std::uint32_t kSteps = 8;
  using Form = MinForm;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t s, StepWeights<Form>& out) {
    const std::uint8_t* step = unit + 256 + 320 * s;
    load_nibbles(step + 64, out.w);
    add_bits<4>(step, out.w);
    load_six_pairs(unit, s, out);
  }
};
