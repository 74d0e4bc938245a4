// Q5_0 and Q5_1: f16 factors of the 16 rows, one line of fifth bits, then four lines of nibbles.

struct BlockQ5_0 {
  static constexpr std::size_t kUnitBytes = 352;
  static constexpr std::uint32_t kSteps = 1;
  using Form = SmallForm<3>;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t, StepWeights<Form>& out) {
    load_nibbles(unit + 96, out.w);
    add_bits<4>(unit + 32, out.w);
    out.d[0] = load_f16(unit);
  }
};

struct BlockQ5_1 {
  static constexpr std::size_t kUnitBytes = 384;
  static constexpr std::uint32_t kSteps = 1;
  using Form = MinForm;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t, StepWeights<Form>& out) {
    load_nibbles(unit + 128, out.w);
    add_bits<4>(unit + 64, out.w);
    out.d[0] = load_f16(unit);
    out.m[0] = load_f16(unit + 32);
  }
};
