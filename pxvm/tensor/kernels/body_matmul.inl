// Matrix products over the 16-lane vector: lane r is row r of a row group. Each output has one
// chain of FMAs in ascending k whatever the tile, so widths and splits never change a bit.

/// Walks the units of a chunk in order; a row group may be spread over several runs.
struct UnitCursor {
  const KernelRun* run;
  std::uint64_t used;
};

struct UnitSpan {
  const std::uint8_t* units;
  std::uint64_t count;
};

/// The next at most `wanted` units that are contiguous.
PX_INLINE UnitSpan next_units(UnitCursor& at, std::uint64_t wanted, std::size_t unit_bytes) {
  while (at.used == at.run->count) at = {at.run + 1, 0};
  const std::uint64_t left = at.run->count - at.used;
  const UnitSpan span{at.run->units + at.used * unit_bytes, left < wanted ? left : wanted};
  at.used += span.count;
  return span;
}

PX_INLINE void skip_units(UnitCursor& at, std::uint64_t count) {
  while (count > at.run->count - at.used) {
    count -= at.run->count - at.used;
    at = {at.run + 1, 0};
  }
  at.used += count;
}

/// Where one row group of a panel's tokens goes.
struct TileOut {
  float* y;
  std::int64_t stride;
  std::uint32_t rows;  ///< 1 .. 16
};

template <std::size_t kTokens>
PX_INLINE void store_tile(const TileOut& out, const Vf (&acc)[kTokens]) {
  float* y = out.y;
  for (std::size_t t = 0; t < kTokens; ++t, y += out.stride) {
    if (out.rows == 16) {
      store_f(y, acc[t]);
    } else {
      store_f_n(y, acc[t], out.rows);
    }
  }
}

// Block dtypes as they lie in a unit: f16 scales of the 16 rows, f16 minima if any, quant bytes.
struct BlockQ8 {
  static constexpr std::size_t kUnitBytes = 544, kQuantsAt = 32;
  static constexpr bool kHasMin = false;
  using Weights = W8;
  PX_INLINE static Weights load(const std::uint8_t* unit) { return load_q8(unit + kQuantsAt); }
  PX_INLINE static Vi dot(const Weights& w, const std::int8_t* x, std::int32_t minus_128_sum) {
    return dot_q8(w, x, minus_128_sum);
  }
};
struct BlockQ4 {
  static constexpr std::size_t kUnitBytes = 288, kQuantsAt = 32;
  static constexpr bool kHasMin = false;
  using Weights = W4;
  PX_INLINE static Weights load(const std::uint8_t* unit) { return load_q4(unit + kQuantsAt); }
  PX_INLINE static Vi dot(const Weights& w, const std::int8_t* x, std::int32_t minus_128_sum) {
    return dot_q4_0(w, x, minus_128_sum);
  }
};
struct BlockQ4Min {
  static constexpr std::size_t kUnitBytes = 320, kQuantsAt = 64;
  static constexpr bool kHasMin = true;
  using Weights = W4;
  PX_INLINE static Weights load(const std::uint8_t* unit) { return load_q4(unit + kQuantsAt); }
  PX_INLINE static Vi dot(const Weights& w, const std::int8_t* x, std::int32_t minus_128_sum) {
    return dot_q4_1(w, x, minus_128_sum);
  }
};

/// One 32-column block of a panel of kTokens tokens (layout: kPanelTokenBytes).
template <std::size_t kTokens>
struct PanelBlock {
  const std::uint8_t* at;

  PX_INLINE const std::int8_t* x(std::size_t t) const {
    return static_cast<const std::int8_t*>(static_cast<const void*>(at + 32 * t));
  }
  PX_INLINE const float* scales() const {
    return static_cast<const float*>(static_cast<const void*>(at + 32 * kTokens));
  }
  PX_INLINE const std::int32_t* corrections() const {
    return static_cast<const std::int32_t*>(static_cast<const void*>(at + 36 * kTokens));
  }
  PX_INLINE const float* sums() const {
    return static_cast<const float*>(static_cast<const void*>(at + 40 * kTokens));
  }
};

/// 16 rows x kTokens tokens straight from the mapped units.
template <class Block, std::size_t kTokens>
void block_tile(UnitCursor at, std::uint32_t blocks, const std::uint8_t* panel,
                const TileOut& out) {
  Vf acc[kTokens];
  for (Vf& a : acc) a = zero_f();
  while (blocks != 0) {
    const UnitSpan span = next_units(at, blocks, Block::kUnitBytes);
    blocks -= static_cast<std::uint32_t>(span.count);
    const std::uint8_t* unit = span.units;
    for (std::uint64_t u = 0; u < span.count; ++u, unit += Block::kUnitBytes) {
      const PanelBlock<kTokens> p{panel};
      const typename Block::Weights w = Block::load(unit);
      const Vf d = load_f16(unit);
      PX_UNROLL
      for (std::size_t t = 0; t < kTokens; ++t) {
        const Vf dot = to_f(Block::dot(w, p.x(t), p.corrections()[t]));
        const Vf s = set_f(p.scales()[t]);
        acc[t] = fma(dot, mul(d, s), acc[t]);
        if constexpr (Block::kHasMin) {
          acc[t] = fma(mul(load_f16(unit + 32), s), set_f(p.sums()[t]), acc[t]);
        }
      }
      panel += kTokens * kPanelTokenBytes;
    }
  }
  store_tile<kTokens>(out, acc);
}

// Unblocked dtypes: element (r, k) of a unit at [k][r]; x stays f32 in [k][kTokens] panels.
struct ElementF32 {
  static constexpr std::size_t kBytes = 4;
  PX_INLINE static Vf load(const std::uint8_t* p, Vf, Vf) {
    return load_f(static_cast<const float*>(static_cast<const void*>(p)));
  }
};
struct ElementF16 {
  static constexpr std::size_t kBytes = 2;
  PX_INLINE static Vf load(const std::uint8_t* p, Vf, Vf) { return load_f16(p); }
};
struct ElementBf16 {
  static constexpr std::size_t kBytes = 2;
  PX_INLINE static Vf load(const std::uint8_t* p, Vf, Vf) { return load_bf16(p); }
};
struct ElementAffine {  // q / 255 * (max - min) + min, every step rounded
  static constexpr std::size_t kBytes = 1;
  PX_INLINE static Vf load(const std::uint8_t* p, Vf width, Vf low) {
    return add(mul(div(load_u8(p), set_f(255.0F)), width), low);
  }
};

template <class Element, std::size_t kTokens>
void element_tile(UnitCursor at, const MatmulChunk& chunk, const float* x, const TileOut& out) {
  constexpr std::size_t kColumnBytes = 16 * Element::kBytes;
  const Vf width = set_f(chunk.affine_max - chunk.affine_min);
  const Vf low = set_f(chunk.affine_min);
  Vf acc[kTokens];
  for (Vf& a : acc) a = zero_f();
  std::uint64_t columns = chunk.cols;
  while (columns != 0) {
    const UnitSpan span = next_units(at, (columns + 31) / 32, 32 * kColumnBytes);
    const std::uint64_t here = span.count * 32 < columns ? span.count * 32 : columns;
    columns -= here;
    const std::uint8_t* w = span.units;
    for (std::uint64_t k = 0; k < here; ++k, w += kColumnBytes, x += kTokens) {
      const Vf wk = Element::load(w, width, low);
      PX_UNROLL
      for (std::size_t t = 0; t < kTokens; ++t) acc[t] = fma(wk, set_f(x[t]), acc[t]);
    }
  }
  store_tile<kTokens>(out, acc);
}

/// One row group against one panel, the panel's width being a run-time number.
template <class Block>
PX_INLINE void block_tile_of(UnitCursor at, const MatmulChunk& chunk, std::uint32_t width,
                             const std::uint8_t* panel, const TileOut& out) {
  switch (width) {
    case 1:
      return block_tile<Block, 1>(at, chunk.blocks, panel, out);
    case 2:
      return block_tile<Block, 2>(at, chunk.blocks, panel, out);
    case 3:
      return block_tile<Block, 3>(at, chunk.blocks, panel, out);
    case 4:
      return block_tile<Block, 4>(at, chunk.blocks, panel, out);
    case 5:
      return block_tile<Block, 5>(at, chunk.blocks, panel, out);
    case 6:
      return block_tile<Block, 6>(at, chunk.blocks, panel, out);
    case 7:
      return block_tile<Block, 7>(at, chunk.blocks, panel, out);
    default:
      return block_tile<Block, 8>(at, chunk.blocks, panel, out);
  }
}

template <class Element>
PX_INLINE void element_tile_of(UnitCursor at, const MatmulChunk& chunk, std::uint32_t width,
                               const std::uint8_t* panel, const TileOut& out) {
  const float* x = static_cast<const float*>(static_cast<const void*>(panel));
  switch (width) {
    case 1:
      return element_tile<Element, 1>(at, chunk, x, out);
    case 2:
      return element_tile<Element, 2>(at, chunk, x, out);
    case 3:
      return element_tile<Element, 3>(at, chunk, x, out);
    case 4:
      return element_tile<Element, 4>(at, chunk, x, out);
    case 5:
      return element_tile<Element, 5>(at, chunk, x, out);
    case 6:
      return element_tile<Element, 6>(at, chunk, x, out);
    case 7:
      return element_tile<Element, 7>(at, chunk, x, out);
    default:
      return element_tile<Element, 8>(at, chunk, x, out);
  }
}

/// tile(cursor, width, panel, out) for every row group and panel of the chunk.
template <class Tile>
PX_INLINE void for_each_tile(const MatmulChunk& chunk, std::size_t panel_token_bytes, Tile tile) {
  UnitCursor at{chunk.runs, 0};
  for (std::uint32_t row = 0; row < chunk.rows; row += 16) {
    const std::uint32_t rows = chunk.rows - row < 16 ? chunk.rows - row : 16;
    for (std::uint32_t t = 0; t < chunk.tokens; t += chunk.panel_tokens) {
      const std::uint32_t left = chunk.tokens - t;
      const std::uint32_t width = left < chunk.panel_tokens ? left : chunk.panel_tokens;
      tile(at, width, chunk.panels + t * panel_token_bytes,
           TileOut{chunk.y + row + t * chunk.y_stride, chunk.y_stride, rows});
    }
    skip_units(at, chunk.blocks);
  }
}

template <class Block>
void block_matmul(const MatmulChunk& chunk) {
  for_each_tile(chunk, chunk.blocks * kPanelTokenBytes,
                [&](UnitCursor at, std::uint32_t width, const std::uint8_t* panel, TileOut out) {
                  block_tile_of<Block>(at, chunk, width, panel, out);
                });
}

template <class Element>
void element_matmul(const MatmulChunk& chunk) {
  for_each_tile(chunk, chunk.cols * sizeof(float),
                [&](UnitCursor at, std::uint32_t width, const std::uint8_t* panel, TileOut out) {
                  element_tile_of<Element>(at, chunk, width, panel, out);
                });
}

/// DType codes of dtypes.def that have a packed form (matmul.cpp asserts that they agree).
void matmul_chunk(const MatmulChunk& chunk) {
  switch (chunk.dtype) {
    case 0:
      return element_matmul<ElementF32>(chunk);
    case 1:
      return element_matmul<ElementF16>(chunk);
    case 2:
      return block_matmul<BlockQ4>(chunk);
    case 3:
      return block_matmul<BlockQ4Min>(chunk);
    case 8:
      return block_matmul<BlockQ8>(chunk);
    case 30:
      return element_matmul<ElementBf16>(chunk);
    case 129:
      return element_matmul<ElementAffine>(chunk);
    default:
      return;
  }
}

/// One block of one token: q, scale, -128 sum(q), sum(q). See ops.hpp for the rule.
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
  const std::int32_t sum = fold_add_i(add_i(low, high));
  const std::int32_t correction = -128 * sum;
  const float float_sum = static_cast<float>(sum);
  store_i8(static_cast<std::int8_t*>(static_cast<void*>(panel + 32 * t)), low, high);
  __builtin_memcpy(panel + 32 * width + 4 * t, &scale, 4);
  __builtin_memcpy(panel + 36 * width + 4 * t, &correction, 4);
  __builtin_memcpy(panel + 40 * width + 4 * t, &float_sum, 4);
}

void quantize_panel(const float* x, std::int64_t stride, std::uint32_t width, std::uint32_t blocks,
                    std::uint8_t* panel) {
  for (std::uint32_t b = 0; b < blocks; ++b, x += 32, panel += width * kPanelTokenBytes) {
    for (std::uint32_t t = 0; t < width; ++t) {
      quantize_block(x + t * stride, panel, t, width);
    }
  }
}
