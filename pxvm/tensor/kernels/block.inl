// The block concept: what a weight dtype tells the kernels about its packed unit (pack.hpp has the
// byte tables). A unit is kSteps steps of 32 columns; a step is eight vectors of unsigned bytes,
// vector j holding columns 4 j .. 4 j + 3 of all 16 rows, and the factors of its scale groups.
//
// struct BlockX {
//   static constexpr std::size_t kUnitBytes; static constexpr std::uint32_t kSteps; using Form;
//   static void load(const std::uint8_t* unit, std::uint32_t step, StepWeights<Form>& out);
// };
//
// A new dtype is one file block_<dtype>.inl and one case in matmul_chunk.

/// How stored bytes mean weights: kSmall: q = byte - 128 / 2^kShift (kShift 7: q = byte);
/// otherwise q = byte - 128. kMin: each group also has an additive m. kHalves: two groups of 16
/// columns instead of one of 32.
template <bool kSmallBytes, int kOffsetShift, bool kHasMin, bool kTwoHalves>
struct BlockForm {
  static constexpr bool kSmall = kSmallBytes;
  static constexpr int kShift = kOffsetShift;
  static constexpr bool kMin = kHasMin;
  static constexpr std::size_t kGroups = kTwoHalves ? 2 : 1;
  static constexpr std::size_t kMins = kHasMin ? kGroups : 0;
  /// Of one expanded step: bytes, then d and m of each group as 16 floats.
  static constexpr std::size_t kStepBytes = 512 + 64 * (kGroups + kMins);
};
inline constexpr int kNoOffset = -1;

using FullForm = BlockForm<false, 0, false, false>;
template <int kShift>
using SmallForm = BlockForm<true, kShift, false, false>;  ///< q = byte - (128 >> kShift)
using MinForm = BlockForm<true, kNoOffset, true, false>;

template <class Form>
struct StepWeights {
  Vb w[8];
  Vf d[Form::kGroups];
  Vf m[Form::kMins == 0 ? 1 : Form::kMins];
};

/// The running integer sum before the first product of group (half) h.
template <class Form, std::size_t kTokens>
PX_INLINE Vi first_sum(const PanelBlock<kTokens>& p, std::size_t h, std::size_t t) {
  const std::int32_t offset = Form::kGroups == 1 ? p.offset(t) : p.half_offset(h, t);
  if constexpr (!Form::kSmall) {
    return start_full(offset);
  } else if constexpr (Form::kShift == kNoOffset) {
    return set_i(0);
  } else {
    return set_i(offset >> Form::kShift);
  }
}

template <class Form>
PX_INLINE Vi dot_of(Vi sum, Vb w, Vi x) {
  if constexpr (Form::kSmall) {
    return dot_small(sum, w, x);
  } else {
    return dot_full(sum, w, x);
  }
}

/// acc after scale group h of a block: fma(float(dot), d * s, acc), then fma(m, s * sum(q), acc).
template <class Form, std::size_t kTokens>
PX_INLINE Vf add_group(Vf acc, Vi dot, Vf d, Vf m, const PanelBlock<kTokens>& p, std::size_t h,
                       std::size_t t) {
  acc = fma(to_f(dot), mul(d, set_f(p.scale(t))), acc);
  if constexpr (Form::kMin) {
    acc = fma(m, set_f(Form::kGroups == 1 ? p.sum(t) : p.half_sum(h, t)), acc);
  }
  return acc;
}
