// Attention over one tile of 64 positions: lane = position while scoring (k is transposed), lane =
// head dimension while summing values. Arithmetic: ops.hpp.

PX_INLINE std::uint32_t padded(std::uint32_t head_dim) {
  return (head_dim + 15) / 16 * 16;
}

void attention_widen(const std::uint16_t* k, std::int64_t k_stride, const std::uint16_t* v,
                     std::int64_t v_stride, std::uint32_t rows, std::uint32_t head_dim,
                     AttentionTile tile) {
  // Scores are computed for pairs of vectors, so positions up to a multiple of 32 must hold
  // numbers.
  const std::uint32_t scored = (rows + 31) / 32 * 32;
  for (std::uint32_t j = 0; j < scored; j += 16) {
    const std::uint32_t here = j >= rows ? 0 : (rows - j < 16 ? rows - j : 16);
    for (std::uint32_t d = 0; d < head_dim; d += 16) {
      const std::uint32_t dims = head_dim - d < 16 ? head_dim - d : 16;
      transpose_f16(k + j * k_stride + d, k_stride, here, dims,
                    tile.k + std::size_t{d} * kAttentionTile + j, kAttentionTile);
    }
  }
  const std::uint32_t width = padded(head_dim);
  for (std::uint32_t j = 0; j < rows; ++j) {
    for (std::uint32_t d = 0; d < head_dim; d += 16) {
      const std::uint32_t dims = head_dim - d < 16 ? head_dim - d : 16;
      const std::uint16_t* from = v + j * v_stride + d;
      store_f(tile.v + std::size_t{j} * width + d,
              dims == 16 ? load_f16(from) : load_f16_n(from, dims));
    }
  }
}

/// tile.k from rows that are f32 already: [64][padded(head_dim)], all 64 rows readable.
void attention_turn(const float* rows, std::uint32_t count, std::uint32_t head_dim, float* k) {
  const std::uint32_t width = padded(head_dim);
  for (std::uint32_t j = 0; j < count; j += 16) {
    for (std::uint32_t d = 0; d < width; d += 16) {
      transpose_block(rows + std::size_t{j} * width + d, width,
                      k + std::size_t{d} * kAttentionTile + j, kAttentionTile);
    }
  }
}

/// scores[n][0 .. hi rounded up to 32) = q_n . k_j, one FMA chain over d.
template <std::size_t kQueries>
PX_INLINE void score_queries(const AttentionShape& shape, const float* k,
                             const AttentionQuery* queries, std::uint32_t hi,
                             float (*scores)[kAttentionTile]) {
  for (std::uint32_t j = 0; j < hi; j += 32) {
    Vf acc[kQueries][2];
    PX_UNROLL
    for (std::size_t n = 0; n < kQueries; ++n) acc[n][0] = acc[n][1] = zero_f();
    for (std::uint32_t d = 0; d < shape.head_dim; ++d) {
      const Vf k0 = load_f(k + std::size_t{d} * kAttentionTile + j);
      const Vf k1 = load_f(k + std::size_t{d} * kAttentionTile + j + 16);
      PX_UNROLL
      for (std::size_t n = 0; n < kQueries; ++n) {
        const Vf q = set_f(queries[n].q[d]);
        acc[n][0] = fma(q, k0, acc[n][0]);
        acc[n][1] = fma(q, k1, acc[n][1]);
      }
    }
    PX_UNROLL
    for (std::size_t n = 0; n < kQueries; ++n) {
      store_f(scores[n] + j, acc[n][0]);
      store_f(scores[n] + j + 16, acc[n][1]);
    }
  }
}

/// scores -> exp(s - m) in place for the visible positions [lo, hi); returns m.
PX_INLINE float softmax_tile(const AttentionShape& shape, const AttentionQuery& query,
                             float* scores) {
  const Vf lo = set_f(static_cast<float>(query.lo));
  const Vf hi = set_f(static_cast<float>(query.hi));
  const Vf lowest = set_f(-__builtin_inff());
  Vf top = lowest;
  for (std::uint32_t j = 0; j < query.hi; j += 16) {
    Vf s = mul(load_f(scores + j), set_f(shape.scale));
    if (shape.softcap != 0) {
      const Vf cap = set_f(shape.softcap);
      s = mul(cap, tanh_f(div(s, cap)));
    }
    store_f(scores + j, s);
    const Vf position = add(load_f(kLaneIndex), set_f(static_cast<float>(j)));
    const Vf visible = select_lt(position, lo, lowest, select_lt(position, hi, s, lowest));
    top = max_f(top, visible);
  }
  const float m = fold_max(top);
  for (std::uint32_t j = 0; j < query.hi; j += 16) {
    store_f(scores + j, exp_f(sub(load_f(scores + j), set_f(m))));
  }
  return m;
}

/// l += sum p_j and o[d0 .. d0 + 16 kVectors) += sum p_j v_j for j in [lo, hi), ascending,
/// continuing from what the partials hold.
template <std::size_t kQueries, std::size_t kVectors>
PX_INLINE void sum_values(const float* v, std::uint32_t width, const AttentionQuery* queries,
                          const float (*p)[kAttentionTile], std::uint32_t lo, std::uint32_t hi,
                          std::uint32_t d0) {
  Vf acc[kQueries][kVectors];
  Vf l[kQueries];
  PX_UNROLL
  for (std::size_t n = 0; n < kQueries; ++n) {
    l[n] = set_f(queries[n].partial[1]);
    for (std::size_t i = 0; i < kVectors; ++i) {
      acc[n][i] = load_f(queries[n].partial + kPartialHead + d0 + 16 * i);
    }
  }
  for (std::uint32_t j = lo; j < hi; ++j) {
    Vf row[kVectors];
    PX_UNROLL
    for (std::size_t i = 0; i < kVectors; ++i)
      row[i] = load_f(v + std::size_t{j} * width + d0 + 16 * i);
    PX_UNROLL
    for (std::size_t n = 0; n < kQueries; ++n) {
      const Vf weight = set_f(p[n][j]);
      l[n] = add(l[n], weight);
      for (std::size_t i = 0; i < kVectors; ++i) acc[n][i] = fma(weight, row[i], acc[n][i]);
    }
  }
  PX_UNROLL
  for (std::size_t n = 0; n < kQueries; ++n) {
    if (d0 == 0)
      store_f_n(queries[n].partial + 1, l[n], 1);  // the other dimensions find the same sum
    for (std::size_t i = 0; i < kVectors; ++i) {
      store_f(queries[n].partial + kPartialHead + d0 + 16 * i, acc[n][i]);
    }
  }
}

template <std::size_t kQueries>
PX_INLINE void sum_all_values(const float* v, std::uint32_t width, const AttentionQuery* queries,
                              const float (*p)[kAttentionTile], std::uint32_t lo,
                              std::uint32_t hi) {
  std::uint32_t d = 0;
  for (; d + 64 <= width; d += 64) {
    sum_values<kQueries, 4>(v, width, queries, p, lo, hi, d);
  }
  for (; d < width; d += 16) sum_values<kQueries, 1>(v, width, queries, p, lo, hi, d);
}

/// Queries of one group share their loads; where their visible ranges differ each goes on alone.
template <std::size_t kQueries>
void attention_group(const AttentionShape& shape, AttentionTile tile,
                     const AttentionQuery* queries) {
  alignas(64) float scores[kQueries][kAttentionTile];
  const std::uint32_t width = padded(shape.head_dim);
  std::uint32_t lo = queries[0].lo;
  std::uint32_t common = queries[0].hi;
  std::uint32_t hi = queries[0].hi;
  bool same_lo = true;
  for (std::size_t n = 1; n < kQueries; ++n) {
    common = common < queries[n].hi ? common : queries[n].hi;
    hi = hi > queries[n].hi ? hi : queries[n].hi;
    same_lo = same_lo && queries[n].lo == lo;
  }
  score_queries<kQueries>(shape, tile.k, queries, hi, scores);
  for (std::size_t n = 0; n < kQueries; ++n) {
    float* partial = queries[n].partial;
    partial[0] = softmax_tile(shape, queries[n], scores[n]);
    partial[1] = 0;
    for (std::uint32_t d = 0; d < width; d += 16) store_f(partial + kPartialHead + d, zero_f());
  }
  if (!same_lo) common = 0;
  if (common > lo) sum_all_values<kQueries>(tile.v, width, queries, scores, lo, common);
  for (std::size_t n = 0; n < kQueries; ++n) {
    const std::uint32_t from = common > queries[n].lo ? common : queries[n].lo;
    if (from >= queries[n].hi) continue;
    sum_all_values<1>(tile.v, width, queries + n, scores + n, from, queries[n].hi);
  }
}

void attention_tile(const AttentionShape& shape, AttentionTile tile, const AttentionQuery* queries,
                    std::uint32_t count) {
  for (; count >= 4; count -= 4, queries += 4) attention_group<4>(shape, tile, queries);
  if (count == 3) return attention_group<3>(shape, tile, queries);
  if (count == 2) return attention_group<2>(shape, tile, queries);
  if (count == 1) return attention_group<1>(shape, tile, queries);
}

// A few queries of one head group (one token): every key and value is used once, so nothing is
// widened into memory; the tile is read from the cache rows, keys through a turned copy.

/// One step of the chains of 32 positions.
template <std::size_t kQueries>
PX_INLINE void score_step(const Key* keys, const AttentionQuery* queries, std::uint32_t d,
                          Vf (&acc)[kQueries][2]) {
  const Vf k0 = load_keys(keys);
  const Vf k1 = load_keys(keys + 16);
  PX_UNROLL
  for (std::size_t n = 0; n < kQueries; ++n) {
    const Vf q = set_f(queries[n].q[d]);
    acc[n][0] = fma(q, k0, acc[n][0]);
    acc[n][1] = fma(q, k1, acc[n][1]);
  }
}

/// Asks for memory in small portions: all at once would fill the miss buffers and stop the
/// arithmetic.
struct Prefetcher {
  const std::uint16_t* at;
  std::uint32_t portion;  ///< lines of one step

  PX_INLINE Prefetcher(const std::uint16_t* from, std::uint32_t lines, std::uint32_t steps)
      : at(from), portion((lines + steps - 1) / steps) {}
  PX_INLINE void step() {
    for (std::uint32_t i = 0; i < portion; ++i, at += 32) __builtin_prefetch(at);
  }
};

/// Scores of 32 positions from `j`, one FMA chain over d.
template <std::size_t kQueries>
PX_INLINE void score_turned(const AttentionShape& shape, const Key* keys,
                            const AttentionQuery* queries, std::uint32_t j,
                            float (*scores)[kAttentionTile], Prefetcher& ahead) {
  Vf acc[kQueries][2];
  PX_UNROLL
  for (std::size_t n = 0; n < kQueries; ++n) acc[n][0] = acc[n][1] = zero_f();
  const Key* at = keys + j;
  for (std::uint32_t d = 0; d < shape.head_dim; ++d, at += kAttentionTile) {
    ahead.step();
    score_step<kQueries>(at, queries, d, acc);
  }
  PX_UNROLL
  for (std::size_t n = 0; n < kQueries; ++n) {
    store_f(scores[n] + j, acc[n][0]);
    store_f(scores[n] + j + 16, acc[n][1]);
  }
}

/// o[d0 .. d0 + 16 kVectors) = sum p_j v_j, j ascending from zero; the first columns also sum l.
template <std::size_t kQueries, std::size_t kVectors, bool kFirst>
PX_INLINE void sum_rows(const AttentionRows& rows, std::uint32_t head_dim,
                        const AttentionQuery* queries, const float (*p)[kAttentionTile],
                        std::uint32_t d0, Prefetcher& ahead) {
  Vf acc[kQueries][kVectors];
  Vf l[kQueries];
  PX_UNROLL
  for (std::size_t n = 0; n < kQueries; ++n) {
    l[n] = zero_f();
    for (std::size_t i = 0; i < kVectors; ++i) acc[n][i] = zero_f();
  }
  const std::uint32_t left = head_dim - d0;
  for (std::uint32_t j = queries[0].lo; j < queries[0].hi; ++j) {
    const std::uint16_t* v = rows.v + j * rows.v_stride + d0;
    ahead.step();
    Vf row[kVectors];
    PX_UNROLL
    for (std::size_t i = 0; i < kVectors; ++i) {
      row[i] = left >= 16 * (i + 1) ? load_f16(v + 16 * i) : load_f16_n(v + 16 * i, left - 16 * i);
    }
    PX_UNROLL
    for (std::size_t n = 0; n < kQueries; ++n) {
      const Vf weight = set_f(p[n][j]);
      if constexpr (kFirst) l[n] = add(l[n], weight);
      for (std::size_t i = 0; i < kVectors; ++i) acc[n][i] = fma(weight, row[i], acc[n][i]);
    }
  }
  PX_UNROLL
  for (std::size_t n = 0; n < kQueries; ++n) {
    if constexpr (kFirst) store_f_n(queries[n].partial + 1, l[n], 1);
    for (std::size_t i = 0; i < kVectors; ++i) {
      store_f(queries[n].partial + kPartialHead + d0 + 16 * i, acc[n][i]);
    }
  }
}

template <std::size_t kQueries>
void attention_few(const AttentionShape& shape, const AttentionRows& rows, AttentionAhead ahead,
                   const Key* keys, const AttentionQuery* queries) {
  alignas(64) float scores[kQueries][kAttentionTile];
  Prefetcher next_keys(ahead.k, ahead.lines, 2 * shape.head_dim);
  for (std::uint32_t j = 0; j < queries[0].hi; j += 32) {
    score_turned<kQueries>(shape, keys, queries, j, scores, next_keys);
  }
  for (std::size_t n = 0; n < kQueries; ++n) {
    queries[n].partial[0] = softmax_tile(shape, queries[n], scores[n]);
  }
  Prefetcher next_values(ahead.v, ahead.lines, 2 * shape.head_dim);
  std::uint32_t d = 16;
  if (shape.head_dim < 32) {
    sum_rows<kQueries, 1, true>(rows, shape.head_dim, queries, scores, 0, next_values);
  } else {
    sum_rows<kQueries, 2, true>(rows, shape.head_dim, queries, scores, 0, next_values);
    for (d = 32; d + 32 <= shape.head_dim; d += 32) {
      sum_rows<kQueries, 2, false>(rows, shape.head_dim, queries, scores, d, next_values);
    }
  }
  for (; d < shape.head_dim; d += 16) {
    sum_rows<kQueries, 1, false>(rows, shape.head_dim, queries, scores, d, next_values);
  }
}

void attention_rows(const AttentionShape& shape, const AttentionRows& rows,
                    AttentionAhead ahead, const AttentionQuery* queries, std::uint32_t count) {
  alignas(64) Key keys[kMaxTurnedDim * kAttentionTile];
  const std::uint32_t scored = (rows.count + 31) / 32 * 32;
  for (std::uint32_t j = 0; j < scored; j += 16) {
    const std::uint32_t here = j >= rows.count ? 0 : (rows.count - j < 16 ? rows.count - j : 16);
    for (std::uint32_t d = 0; d < shape.head_dim; d += 32) {
      const std::uint32_t dims = shape.head_dim - d < 32 ? shape.head_dim - d : 32;
      transpose_keys(rows.k + j * rows.k_stride + d, rows.k_stride, here, dims,
                     keys + std::size_t{d} * kAttentionTile + j, kAttentionTile);
    }
  }
  static_assert(kTurnedQueries <= 8);
  while (count != 0) {
    const std::uint32_t now = count < kTurnedQueries ? count : kTurnedQueries;
    switch (now) {
      case 1:
        attention_few<1>(shape, rows, ahead, keys, queries);
        break;
      case 2:
        attention_few<2>(shape, rows, ahead, keys, queries);
        break;
      case 3:
        attention_few<3>(shape, rows, ahead, keys, queries);
        break;
      case 4:
        attention_few<4>(shape, rows, ahead, keys, queries);
        break;
      case 5:
        attention_few<5>(shape, rows, ahead, keys, queries);
        break;
      case 6:
        attention_few<6>(shape, rows, ahead, keys, queries);
        break;
      case 7:
        attention_few<7>(shape, rows, ahead, keys, queries);
        break;
      default:
        attention_few<8>(shape, rows, ahead, keys, queries);
    }
    count -= now;
    queries += now;
    ahead.lines = 0;
  }
}

/// out = the merge of `count` partials, `stride` floats apart, in ascending order, over its l.
/// The factors of 16 merges are computed at once; each is the same expression as in
/// attention_merge.
void attention_reduce(const float* partials, std::size_t stride, std::size_t count,
                      std::uint32_t head_dim, float* out) {
  constexpr std::size_t kVectors = 4;
  float m = partials[0];
  float l = partials[1];
  alignas(64) float sum[kMaxTurnedDim];
  for (std::uint32_t d = 0; d < padded(head_dim); d += 16) {
    store_f(sum + d, load_f(partials + kPartialHead + d));
  }
  for (std::size_t first = 1; first < count; first += 16) {
    const std::size_t here = count - first < 16 ? count - first : 16;
    alignas(64) float old_max[16] = {};
    alignas(64) float new_max[16] = {};
    alignas(64) float top[16] = {};
    const float* at = partials + first * stride;
    for (std::size_t i = 0; i < here; ++i) {
      old_max[i] = m;
      new_max[i] = at[i * stride];
      float head[16];
      store_f(head, max_f(set_f(m), set_f(new_max[i])));
      top[i] = m = head[0];
    }
    alignas(64) float a[16];
    alignas(64) float b[16];
    store_f(a, exp_f(sub(load_f(old_max), load_f(top))));
    store_f(b, exp_f(sub(load_f(new_max), load_f(top))));
    for (std::size_t i = 0; i < here; ++i) {
      float head[16];
      store_f(head, fma(set_f(at[i * stride + 1]), set_f(b[i]), mul(set_f(l), set_f(a[i]))));
      l = head[0];
    }
    for (std::uint32_t d = 0; d < padded(head_dim); d += 16 * kVectors) {
      const std::size_t vectors =
          (padded(head_dim) - d) / 16 < kVectors ? (padded(head_dim) - d) / 16 : kVectors;
      Vf o[kVectors];
      for (std::size_t v = 0; v < vectors; ++v) o[v] = load_f(sum + d + 16 * v);
      for (std::size_t i = 0; i < here; ++i) {
        const float* part = at + i * stride + kPartialHead + d;
        for (std::size_t v = 0; v < vectors; ++v) {
          o[v] = fma(load_f(part + 16 * v), set_f(b[i]), mul(o[v], set_f(a[i])));
        }
      }
      for (std::size_t v = 0; v < vectors; ++v) store_f(sum + d + 16 * v, o[v]);
    }
  }
  for (std::uint32_t d = 0; d < head_dim; d += 16) {
    const std::uint32_t dims = head_dim - d < 16 ? head_dim - d : 16;
    store_f_n(out + d, div(load_f(sum + d), set_f(l)), dims);
  }
}

void attention_merge(float* sum, const float* partial, std::uint32_t head_dim) {
  const Vf old_max = set_f(sum[0]);
  const Vf new_max = set_f(partial[0]);
  const Vf m = max_f(old_max, new_max);
  const Vf a = exp_f(sub(old_max, m));
  const Vf b = exp_f(sub(new_max, m));
  float head[16];
  store_f(head, m);
  sum[0] = head[0];
  store_f(head, fma(set_f(partial[1]), b, mul(set_f(sum[1]), a)));
  sum[1] = head[0];
  for (std::uint32_t d = 0; d < padded(head_dim); d += 16) {
    const Vf o = mul(load_f(sum + kPartialHead + d), a);
    store_f(sum + kPartialHead + d, fma(load_f(partial + kPartialHead + d), b, o));
  }
}

void attention_finish(const float* sum, std::uint32_t head_dim, float* out) {
  const Vf l = set_f(sum[1]);
  for (std::uint32_t d = 0; d < head_dim; d += 16) {
    const std::uint32_t dims = head_dim - d < 16 ? head_dim - d : 16;
    store_f_n(out + d, div(load_f(sum + kPartialHead + d), l), dims);
  }
}
