// Layer norm and the GELU family over the 16-lane vector. One text for every set, as body_rows.inl.

/// erf x: an odd polynomial for |x| < 0.875, else 1 - e^-g(|x|) with the sign of x, where g is a
/// polynomial for -ln(erfc); from 4 on erf rounds to 1. Error <= 2 ulp (measured by tests). NaN
/// stays NaN.
PX_INLINE Vf erf_f(Vf x) {
  const Vf size = abs_f(x);
  const Vf t = mul(x, x);
  Vf p = set_f(0x1.6cdc62p-14F);
  p = fma(p, t, set_f(-0x1.aec89cp-11F));
  p = fma(p, t, set_f(0x1.5542a4p-8F));
  p = fma(p, t, set_f(-0x1.b81a72p-6F));
  p = fma(p, t, set_f(0x1.ce2e8ep-4F));
  p = fma(p, t, set_f(-0x1.812744p-2F));
  p = fma(p, t, set_f(0x1.06eba8p-3F));  // 2 / sqrt(pi) - 1: x itself is added last
  const Vf small = fma(x, p, x);
  const Vf limited = min_f(set_f(4.0F), size);
  Vf g = set_f(-0x1.435852p-20F);
  g = fma(g, limited, set_f(0x1.451996p-16F));
  g = fma(g, limited, set_f(-0x1.de5986p-14F));
  g = fma(g, limited, set_f(0x1.ac8b22p-14F));
  g = fma(g, limited, set_f(0x1.735752p-9F));
  g = fma(g, limited, set_f(-0x1.77f1d0p-6F));
  g = fma(g, limited, set_f(0x1.b2157cp-4F));
  g = fma(g, limited, set_f(0x1.450f3cp-1F));
  g = fma(g, limited, set_f(0x1.210192p+0F));
  g = fma(g, limited, set_f(-0x1.45754cp-14F));
  const Vf large = sub(set_f(1.0F), exp_f(negate(g)));
  const Vf signed_large = select_lt(x, zero_f(), negate(large), large);
  return select_lt(size, set_f(0.875F), small, signed_large);
}

/// x / (1 + e^(-2 u)), u = x (c + 0.044715 c x^2), c = sqrt(2 / pi): the same number as
/// x / 2 (1 + tanh u) without its cancellation for negative x.
PX_INLINE Vf gelu_f(Vf x) {
  const Vf inner = fma(mul(x, x), set_f(0x1.2444f2p-4F), set_f(0x1.988454p+0F));
  const Vf doubled = mul(x, inner);  // both constants are doubled: this is 2 u
  return div(x, add(set_f(1.0F), exp_f(negate(doubled))));
}

/// Two passes: the mean first, so that the squares do not cancel. Lanes past the end add nothing.
void layernorm_row(const LayerNormRow& row, std::size_t n, float* out) {
  const std::size_t whole = n / 16 * 16;
  const std::size_t rest = n - whole;
  const Vf count = set_f(static_cast<float>(n));
  Vf sum = zero_f();
  for (std::size_t i = 0; i < whole; i += 16) sum = add(sum, load_f(row.x + i));
  const Vf tail = load_f_n(row.x + whole, rest);
  sum = add(sum, tail);
  const Vf mean = div(set_f(fold_add(sum)), count);
  const Vf inside =
      select_lt(load_f(kLaneIndex), set_f(static_cast<float>(rest)), sub(tail, mean), zero_f());
  Vf squares = zero_f();
  for (std::size_t i = 0; i < whole; i += 16) {
    const Vf v = sub(load_f(row.x + i), mean);
    squares = fma(v, v, squares);
  }
  squares = fma(inside, inside, squares);
  const Vf variance = div(set_f(fold_add(squares)), count);
  const Vf inverse = div(set_f(1.0F), sqrt_f(add(variance, set_f(row.eps))));
  for (std::size_t i = 0; i < whole; i += 16) {
    const Vf v = mul(sub(load_f(row.x + i), mean), inverse);
    store_f(out + i, fma(v, load_f(row.gain + i), load_f(row.bias + i)));
  }
  const Vf gain = load_f_n(row.gain + whole, rest);
  store_f_n(out + whole, fma(mul(inside, inverse), gain, load_f_n(row.bias + whole, rest)), rest);
}

void gelu_row(const float* a, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return gelu_f(load(a)); });
}
void gelu_mul_rows(const float* a, const float* b, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return mul(gelu_f(load(a)), load(b)); });
}
void gelu_erf_row(const float* a, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) {
    const Vf x = load(a);
    const Vf e = erf_f(mul(x, set_f(0x1.6a09e6p-1F)));
    return mul(mul(set_f(0.5F), x), add(set_f(1.0F), e));
  });
}
void softcap_row(const float* a, float cap, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return mul(set_f(cap), tanh_f(div(load(a), set_f(cap)))); });
}
void erf_row(const float* a, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return erf_f(load(a)); });
}
