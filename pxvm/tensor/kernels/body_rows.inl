// Row operations over the 16-lane vector: exp and tanh, norms, softmax, rope, element-wise. One
// text for every set; equal bits because each lane does the same operations in the same order.

/// e^x. n = round(x log2 e), r = x - n ln 2 in two steps, a polynomial of degree 7, times 2^n in
/// two steps so that results below 2^-126 round once. Error <= 1 ulp (measured over all f32 by
/// tests). NaN stays NaN.
PX_INLINE Vf exp_f(Vf x) {
  const Vf round = set_f(0x1.8p23F);
  x = max_f(set_f(-104.0F), min_f(set_f(89.0F), x));  // beyond: 0 and infinity; a NaN is kept
  const Vf shifted = fma(x, set_f(0x1.715476p+0F), round);
  const Vf n = sub(shifted, round);
  const Vi exponent = sub_i(as_i(shifted), as_i(round));
  Vf r = fma(n, set_f(-0x1.62e400p-1F), x);
  r = fma(n, set_f(-0x1.7f7d1cp-20F), r);
  Vf p = set_f(0x1.a01a02p-13F);
  p = fma(p, r, set_f(0x1.6c16c2p-10F));
  p = fma(p, r, set_f(0x1.111112p-7F));
  p = fma(p, r, set_f(0x1.555556p-5F));
  p = fma(p, r, set_f(0x1.555556p-3F));
  p = fma(p, r, set_f(0.5F));
  p = fma(p, r, set_f(1.0F));
  p = fma(p, r, set_f(1.0F));
  return scale_exp2(p, n, exponent);
}

PX_INLINE Vf abs_f(Vf x) {
  return as_f(and_i(as_i(x), set_i(0x7fff'ffff)));
}
PX_INLINE Vf negate(Vf x) {
  return sub(set_f(-0.0F), x);
}

/// tanh x: the odd Taylor series for |x| < 0.55, else 1 - 2 / (e^(2|x|) + 1) with the sign of x.
PX_INLINE Vf tanh_f(Vf x) {
  const Vf size = abs_f(x);
  const Vf t = mul(x, x);
  Vf p = set_f(-0x1.7da364p-10F);        // -929569 / 638512875
  p = fma(p, t, set_f(0x1.d6d3d0p-9F));  // 21844 / 6081075
  p = fma(p, t, set_f(-0x1.226e36p-7F));
  p = fma(p, t, set_f(0x1.664f48p-6F));
  p = fma(p, t, set_f(-0x1.ba1ba2p-5F));
  p = fma(p, t, set_f(0x1.111112p-3F));
  p = fma(p, t, set_f(-0x1.555556p-2F));
  const Vf small = fma(mul(x, t), p, x);
  const Vf e = exp_f(add(size, size));
  const Vf large = sub(set_f(1.0F), div(set_f(2.0F), add(e, set_f(1.0F))));
  const Vf signed_large = select_lt(x, zero_f(), negate(large), large);
  return select_lt(size, set_f(0.55F), small, signed_large);
}

void rmsnorm_row(const float* x, const float* w, float eps, std::size_t n, float* out) {
  Vf squares = zero_f();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const Vf v = load_f(x + i);
    squares = fma(v, v, squares);
  }
  const Vf tail = load_f_n(x + i, n - i);  // lanes past the end add 0 * 0
  squares = fma(tail, tail, squares);
  const float mean = fold_add(squares) / static_cast<float>(n);
  const Vf inverse = div(set_f(1.0F), sqrt_f(set_f(mean + eps)));
  for (i = 0; i + 16 <= n; i += 16) {
    store_f(out + i, mul(mul(load_f(x + i), inverse), load_f(w + i)));
  }
  store_f_n(out + i, mul(mul(tail, inverse), load_f_n(w + i, n - i)), n - i);
}

void softmax_row(const float* x, std::size_t n, float* out) {
  const std::size_t whole = n / 16 * 16;
  const std::size_t rest = n - whole;
  const float lowest = -__builtin_inff();
  // Lanes past the end are pushed out of the maximum by index, not by value.
  const Vf lane = load_f(kLaneIndex);
  const Vf tail_end = set_f(static_cast<float>(rest));
  Vf top = select_lt(lane, tail_end, load_f_n(x + whole, rest), set_f(lowest));
  for (std::size_t i = 0; i < whole; i += 16) top = max_f(top, load_f(x + i));
  const Vf m = set_f(fold_max(top));
  Vf sum = zero_f();
  for (std::size_t i = 0; i < whole; i += 16) {
    const Vf p = exp_f(sub(load_f(x + i), m));
    store_f(out + i, p);
    sum = add(sum, p);
  }
  const Vf tail = exp_f(sub(load_f_n(x + whole, rest), m));
  store_f_n(out + whole, tail, rest);
  sum = add(sum, select_lt(lane, tail_end, tail, zero_f()));
  const Vf total = set_f(fold_add(sum));
  for (std::size_t i = 0; i < whole; i += 16) store_f(out + i, div(load_f(out + i), total));
  store_f_n(out + whole, div(load_f_n(out + whole, rest), total), rest);
}

/// Neighbours in memory: x = (a0 b0 a1 b1 ..), table = (cos0 sin0 cos1 sin1 ..).
void rope_adjacent(const float* table, std::size_t dims, float* x) {
  for (std::size_t i = 0; i < dims; i += 16) {
    const std::size_t n = dims - i < 16 ? dims - i : 16;
    const Vf v = load_f_n(x + i, n);
    const Vf other = swap_pairs(v);
    const Vf angles = load_f_n(table + i, n);
    const Vf c = dup_even(angles);
    const Vf s = dup_odd(angles);
    const Vf first = fma(v, c, negate(mul(other, s)));  // even lanes: a cos - b sin
    const Vf second = fma(other, s, mul(v, c));         // odd lanes: a sin + b cos
    store_f_n(x + i, blend_odd(first, second), n);
  }
}

void rope_halves(const float* table, std::size_t dims, float* x) {
  const std::size_t half = dims / 2;
  for (std::size_t i = 0; i < half; i += 16) {
    const std::size_t n = half - i < 16 ? half - i : 16;
    const Vf a = load_f_n(x + i, n);
    const Vf b = load_f_n(x + half + i, n);
    const std::size_t low = 2 * n < 16 ? 2 * n : 16;
    const Vf angles = load_f_n(table + 2 * i, low);
    const Vf more = low < 2 * n ? load_f_n(table + 2 * i + 16, 2 * n - low) : zero_f();
    Vf c;
    Vf s;
    deinterleave(angles, more, c, s);
    store_f_n(x + i, fma(a, c, negate(mul(b, s))), n);
    store_f_n(x + half + i, fma(a, s, mul(b, c)), n);
  }
}

void rope_row(const RopeRow& row, float* x) {
  for (std::uint32_t h = 0; h < row.heads; ++h) {
    float* head = x + std::size_t{h} * row.head_dim;
    if (row.halves != 0) {
      rope_halves(row.table, row.dims, head);
    } else {
      rope_adjacent(row.table, row.dims, head);
    }
  }
}

void to_f16_row(const float* x, std::size_t n, std::uint16_t* out) {
  for (std::size_t i = 0; i < n; i += 16) {
    const std::size_t count = n - i < 16 ? n - i : 16;
    store_f16_n(out + i, load_f_n(x + i, count), count);
  }
}

/// Whole numbers nearest to x / s, half to even, within +-127. Requires: s finite, not zero.
PX_INLINE Vi round_quotient(Vf x, Vf s) {
  const Vf round = set_f(0x1.8p23F);
  const Vf limited = max_f(set_f(-127.0F), min_f(set_f(127.0F), div(x, s)));
  return sub_i(as_i(add(limited, round)), as_i(round));
}

void quantize_q8_row(const float* x, std::size_t n, std::int8_t* q, std::uint16_t* d) {
  const Vi magnitude = set_i(0x7fff'ffff);  // as integers they order like floats, NaN largest
  for (std::size_t i = 0; i < n; i += 32, q += 32, ++d) {
    const Vf a = load_f(x + i);
    const Vf b = load_f(x + i + 16);
    const std::int32_t top =
        fold_max_i(max_i(and_i(as_i(a), magnitude), and_i(as_i(b), magnitude)));
    float amax;
    __builtin_memcpy(&amax, &top, sizeof amax);
    const bool finite = top < 0x7f80'0000;
    store_f16_n(d, set_f(finite ? amax / 127.0F : __builtin_nanf("")), 1);
    const Vf s = load_f16_n(d, 1);
    float first[16];
    store_f(first, s);
    const bool numbers = finite && first[0] != 0;
    const Vf scale = set_f(first[0]);
    store_i8(q, numbers ? round_quotient(a, scale) : set_i(0),
             numbers ? round_quotient(b, scale) : set_i(0));
  }
}

void dequantize_q8_row(const std::int8_t* q, const std::uint16_t* d, std::size_t n, float* out) {
  const Vf half = set_f(128.0F);
  for (std::size_t i = 0; i < n; i += 16) {
    float first[16];
    store_f(first, load_f16_n(d + i / 32, 1));
    const Vf bits = to_f(load_u8(q + i));
    store_f(out + i, mul(set_f(first[0]), select_lt(bits, half, bits, sub(bits, set_f(256.0F)))));
  }
}

void mean_of_rows(const float* x, std::int64_t stride, std::size_t rows, std::size_t n,
                  float* out) {
  const Vf count = set_f(static_cast<float>(rows));
  for (std::size_t i = 0; i < n; i += 16) {
    const std::size_t lanes = n - i < 16 ? n - i : 16;
    Vf sum = zero_f();
    const float* from = x + i;
    for (std::size_t t = 0; t < rows; ++t, from += stride) sum = add(sum, load_f_n(from, lanes));
    store_f_n(out + i, div(sum, count), lanes);
  }
}

/// out[i] = function(load(i)) where load gives the vector of any source at i.
template <class Function>
PX_INLINE void for_lanes(std::size_t n, float* out, Function function) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    store_f(out + i, function([i](const float* p) { return load_f(p + i); }));
  }
  const std::size_t rest = n - i;
  if (rest == 0) return;
  store_f_n(out + i, function([i, rest](const float* p) { return load_f_n(p + i, rest); }), rest);
}

void add_rows(const float* a, const float* b, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return add(load(a), load(b)); });
}
void mul_rows(const float* a, const float* b, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return mul(load(a), load(b)); });
}
void scale_row(const float* a, float factor, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return mul(load(a), set_f(factor)); });
}
void relu_row(const float* a, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return max_f(zero_f(), load(a)); });
}
void silu_mul_rows(const float* gate, const float* up, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) {
    const Vf g = load(gate);
    return mul(div(g, add(set_f(1.0F), exp_f(negate(g)))), load(up));
  });
}
void exp_row(const float* a, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return exp_f(load(a)); });
}
void tanh_row(const float* a, std::size_t n, float* out) {
  for_lanes(n, out, [=](auto load) { return tanh_f(load(a)); });
}
