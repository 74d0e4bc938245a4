// IQ4_NL and MXFP4: nibbles that choose one of 16 levels (the tables of pxvm/tensor/block.cpp,
// moved up to unsigned bytes).

PX_INLINE void load_levels(const std::uint8_t* table, const std::uint8_t* lines, Vb (&w)[8]) {
  load_nibbles(lines, w);
  PX_UNROLL
  for (int j = 0; j < 8; ++j) w[j] = lookup_b(table, w[j]);
}

/// level + 128
alignas(16) constexpr std::uint8_t kIq4Bytes[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                                    129, 141, 153, 166, 181, 197, 217, 241};
struct BlockIQ4_NL {
  static constexpr std::size_t kUnitBytes = 288;
  static constexpr std::uint32_t kSteps = 1;
  using Form = FullForm;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t, StepWeights<Form>& out) {
    load_levels(kIq4Bytes, unit + 32, out.w);
    out.d[0] = load_f16(unit);
  }
};

/// level + 16
alignas(16) constexpr std::uint8_t kFp4Bytes[16] = {16, 17, 18, 19, 20, 22, 24, 28,
                                                    16, 15, 14, 13, 12, 10, 8,  4};
struct BlockMXFP4 {
  static constexpr std::size_t kUnitBytes = 272;
  static constexpr std::uint32_t kSteps = 1;
  using Form = SmallForm<3>;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t, StepWeights<Form>& out) {
    load_levels(kFp4Bytes, unit + 16, out.w);
    // 2^(e - 128) as the exact product of two normal powers: it may be denormal itself.
    const Vi e = load_u8(unit);
    const Vi half = sra_i<1>(e);
    const Vi bias = set_i(63);
    const Vf a = as_f(shl_i<23>(add_i(half, bias)));
    const Vf b = as_f(shl_i<23>(add_i(sub_i(e, half), bias)));
    out.d[0] = mul(a, b);
  }
};
