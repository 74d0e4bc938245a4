// Q8_0 as pack.hpp lays it out: d[16] f16, then eight lines of bytes q + 128.

struct BlockQ8_0 {
  static constexpr std::size_t kUnitBytes = 544;
  static constexpr std::uint32_t kSteps = 1;
  using Form = FullForm;
  PX_INLINE static void load(const std::uint8_t* unit, std::uint32_t, StepWeights<Form>& out) {
    PX_UNROLL
    for (int j = 0; j < 8; ++j) out.w[j] = load_b(unit + 32 + 64 * j);
    out.d[0] = load_f16(unit);
  }
};
