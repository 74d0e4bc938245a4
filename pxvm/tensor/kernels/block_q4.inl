// Q4_0 and Q4_1: f16 factors of the 16 rows, then four lines of nibbles.

struct BlockQ4_0 {
  static constexpr std::size_t kUnitBytes = 288;
  static constexpr std::uint32_t kSteps = 1;
  using Form = SmallForm<4>;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t, StepWeights<Form>& out) {
    load_nibbles(unit + 32, out.w);
    out.d[0] = load_f16(unit);
  }
};

struct BlockQ4_1 {
  static constexpr std::size_t kUnitBytes = 320;
  static constexpr std::uint32_t kSteps = 1;
  using Form = MinForm;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t, StepWeights<Form>& out) {
    load_nibbles(unit + 64, out.w);
    out.d[0] = load_f16(unit);
    out.m[0] = load_f16(unit + 32);
  }
};
