// The K types with a scale for every 16 columns: vectors 0 .. 3 of a step are its first group, 4 ..
// 7 its second.

/// Q6_K: d f16, 16 planes of int8 scales, then steps of two lines of upper bit pairs and four of
/// nibbles; q = byte - 32.
struct BlockQ6_K {
  static constexpr std::size_t kUnitBytes = 3360;
  static constexpr std::uint32_t kSteps = 8;
  using Form = BlockForm<true, 2, false, true>;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t s, StepWeights<Form>& out) {
    const std::uint8_t* step = unit + 288 + 384 * s;
    Vb upper[8];
    load_pairs<4>(step, upper);
    load_nibbles(step + 128, out.w);
    PX_UNROLL
    for (int j = 0; j < 8; ++j) out.w[j] = or_b(out.w[j], upper[j]);
    const Vf d = load_f16(unit);
    PX_UNROLL
    for (int h = 0; h < 2; ++h) {
      const Vi byte = load_u8(unit + 32 + 32 * s + 16 * h);
      out.d[h] = mul(d, to_f(sra_i<24>(shl_i<24>(byte))));
    }
  }
};

/// Q3_K: d f16, 12 planes of 6-bit scales (four of them in the upper bits of three planes each),
/// then steps of one line of third bits and two of bit pairs; q = byte - 4.
struct BlockQ3_K {
  static constexpr std::size_t kUnitBytes = 1760;
  static constexpr std::uint32_t kSteps = 8;
  using Form = BlockForm<true, 5, false, true>;

  /// Raw scales of group g.
  PX_INLINE static Vi scales(const std::uint8_t* planes, std::uint32_t g) {
    if (g < 12) return and_i(load_u8(planes + 16 * g), set_i(63));
    const std::uint8_t* three = planes + 48 * (g - 12);
    const Vi low = sra_i<6>(load_u8(three));
    const Vi middle = shl_i<2>(sra_i<6>(load_u8(three + 16)));
    return add_i(add_i(low, middle), shl_i<4>(sra_i<6>(load_u8(three + 32))));
  }

  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t s, StepWeights<Form>& out) {
    const std::uint8_t* step = unit + 224 + 192 * s;
    load_pairs<0>(step + 64, out.w);
    add_bits<2>(step, out.w);
    const Vf d = load_f16(unit);
    PX_UNROLL
    for (std::uint32_t h = 0; h < 2; ++h) {
      out.d[h] = mul(d, to_f(sub_i(scales(unit + 32, 2 * s + h), set_i(32))));
    }
  }
};

/// Q2_K: d and m f16, 16 planes of a scale and a minimum of 4 bits, then steps of two lines of bit
/// pairs.
struct BlockQ2_K {
  static constexpr std::size_t kUnitBytes = 1344;
  static constexpr std::uint32_t kSteps = 8;
  using Form = BlockForm<true, kNoOffset, true, true>;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t s, StepWeights<Form>& out) {
    load_pairs<0>(unit + 320 + 128 * s, out.w);
    const Vf d = load_f16(unit);
    const Vf m = load_negative_f16(unit + 32);
    PX_UNROLL
    for (int h = 0; h < 2; ++h) {
      const Vi both = load_u8(unit + 64 + 32 * s + 16 * h);
      out.d[h] = mul(d, to_f(and_i(both, set_i(15))));
      out.m[h] = mul(m, to_f(sra_i<4>(both)));
    }
  }
};
