// Activation panels: int8 values and factors of up to kMaxPanelTokens tokens, block by block
// (layout: kPanelTokenBytes in kernel_table.hpp; the rule: ops.hpp).

/// One 32-column block of a panel of kTokens tokens.
template <std::size_t kTokens>
struct PanelBlock {
  const std::uint8_t* at;

  PX_INLINE const std::int8_t* x(std::size_t t) const {
    return static_cast<const std::int8_t*>(static_cast<const void*>(at + 32 * t));
  }
  PX_INLINE float scale(std::size_t t) const { return number<float>(0, t); }
  /// -128 * sum(q) of the block, and of its group (half) h.
  PX_INLINE std::int32_t offset(std::size_t t) const { return number<std::int32_t>(1, t); }
  PX_INLINE std::int32_t half_offset(std::size_t h, std::size_t t) const {
    return number<std::int32_t>(2 + h, t);
  }
  /// scale * sum(q) of the block, and of its half h.
  PX_INLINE float sum(std::size_t t) const { return number<float>(4, t); }
  PX_INLINE float half_sum(std::size_t h, std::size_t t) const { return number<float>(5 + h, t); }

 private:
  template <class T>
  PX_INLINE T number(std::size_t field, std::size_t t) const {
    T value;
    __builtin_memcpy(&value, at + (32 + 4 * field) * kTokens + 4 * t, sizeof value);
    return value;
  }
};

PX_INLINE void put_number(std::uint8_t* panel, std::size_t index, std::int32_t value) {
  __builtin_memcpy(panel + 4 * index, &value, sizeof value);
}
PX_INLINE void put_number(std::uint8_t* panel, std::size_t index, float value) {
  __builtin_memcpy(panel + 4 * index, &value, sizeof value);
}

/// One block of one token.
PX_INLINE void quantize_block(const float* x, std::uint8_t* panel, std::uint32_t t,
                              std::uint32_t width) {
  const Vf a = load_f(x);
  const Vf b = load_f(x + 16);
  const Vi magnitude =
      set_i(0x7fff'ffff);  // as integers, magnitudes order like floats and NaN is largest
  const std::int32_t top = fold_max_i(max_i(and_i(as_i(a), magnitude), and_i(as_i(b), magnitude)));
  float amax;
  __builtin_memcpy(&amax, &top, sizeof amax);
  const bool finite = top < 0x7f80'0000;
  const float scale = finite ? amax / 127.0F : __builtin_nanf("");
  Vi low = set_i(0);
  Vi high = set_i(0);
  if (finite && scale != 0) {
    const Vf s = set_f(scale);
    const Vf round = set_f(0x1.8p23F);
    const Vf limit = set_f(127.0F);  // a denormal scale is coarse: the quotient may exceed 127
    const Vf floor = set_f(-127.0F);
    low = sub_i(as_i(add(max_f(floor, min_f(limit, div(a, s))), round)), as_i(round));
    high = sub_i(as_i(add(max_f(floor, min_f(limit, div(b, s))), round)), as_i(round));
  }
  const std::int32_t low_sum = fold_add_i(low);
  const std::int32_t high_sum = fold_add_i(high);
  store_i8(static_cast<std::int8_t*>(static_cast<void*>(panel + 32 * t)), low, high);
  std::uint8_t* numbers = panel + 32 * width;
  put_number(numbers, t, scale);
  put_number(numbers, width + t, -128 * (low_sum + high_sum));
  put_number(numbers, 2 * width + t, -128 * low_sum);
  put_number(numbers, 3 * width + t, -128 * high_sum);
  put_number(numbers, 4 * width + t, scale * static_cast<float>(low_sum + high_sum));
  put_number(numbers, 5 * width + t, scale * static_cast<float>(low_sum));
  put_number(numbers, 6 * width + t, scale * static_cast<float>(high_sum));
}

void quantize_panel(const float* x, std::int64_t stride, std::uint32_t width, std::uint32_t blocks,
                    std::uint8_t* panel) {
  for (std::uint32_t b = 0; b < blocks; ++b, x += 32, panel += width * kPanelTokenBytes) {
    for (std::uint32_t t = 0; t < width; ++t) {
      quantize_block(x + t * stride, panel, t, width);
    }
  }
}
