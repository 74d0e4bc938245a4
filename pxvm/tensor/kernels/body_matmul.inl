// Matrix products over the 16-lane vector: lane r is row r of a row group. Each output has one
// chain of FMAs in ascending k whatever the tile, so widths and splits never change a bit.

// Few tokens: every unit is read once, straight from the mapped sheet, and used for all tokens.

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

/// Memory that a stream asks for ahead of its use: far enough to hide DRAM, and across the 4 KiB
/// pages where the processor's own prefetcher stops.
constexpr std::size_t kAheadBytes = 8192;

/// Asks for the part of a unit's successor that step s stands for: units of many steps would
/// otherwise ask for more lines at once than the processor keeps track of.
template <class Block>
PX_INLINE void prefetch_step(const std::uint8_t* unit, std::uint32_t s) {
  constexpr std::size_t kBytes = Block::kUnitBytes / Block::kSteps;
  const std::uint8_t* part = unit + kAheadBytes + s * kBytes;
  for (std::size_t at = 0; at < kBytes; at += 64) __builtin_prefetch(part + at);
}

/// acc after one step of one token. Two integer chains of four: one of eight would wait for itself
/// while weights stream in.
template <class Form, std::size_t kTokens>
PX_INLINE Vf add_step(Vf acc, const StepWeights<Form>& w, const PanelBlock<kTokens>& p,
                      std::size_t t) {
  Vi low = first_sum<Form>(p, 0, t);
  Vi high = Form::kGroups == 1 ? set_i(0) : first_sum<Form>(p, Form::kGroups - 1, t);
  PX_UNROLL
  for (std::size_t j = 0; j < 4; ++j) {
    low = dot_of<Form>(low, w.w[j], broadcast_dword(p.x(t) + 4 * j));
    high = dot_of<Form>(high, w.w[j + 4], broadcast_dword(p.x(t) + 16 + 4 * j));
  }
  if constexpr (Form::kGroups == 1) {
    return add_group<Form>(acc, add_i(low, high), w.d[0], w.m[0], p, 0, t);
  } else {
    acc = add_group<Form>(acc, low, w.d[0], w.m[0], p, 0, t);
    return add_group<Form>(acc, high, w.d[1], w.m[Form::kMins == 0 ? 0 : 1], p, 1, t);
  }
}

/// 16 rows x kTokens tokens.
template <class Block, std::size_t kTokens>
void stream_tile(UnitCursor at, std::uint32_t blocks, const std::uint8_t* panel,
                 const TileOut& out) {
  using Form = typename Block::Form;
  Vf acc[kTokens];
  for (Vf& a : acc) a = zero_f();
  while (blocks != 0) {
    const UnitSpan span = next_units(at, blocks, Block::kUnitBytes);
    blocks -= static_cast<std::uint32_t>(span.count);
    const std::uint8_t* unit = span.units;
    for (std::uint64_t u = 0; u < span.count; ++u, unit += Block::kUnitBytes) {
      for (std::uint32_t s = 0; s < Block::kSteps; ++s) {
        prefetch_step<Block>(unit, s);
        const PanelBlock<kTokens> p{panel};
        StepWeights<Form> w;
        Block::load(unit, s, w);
        PX_UNROLL
        for (std::size_t t = 0; t < kTokens; ++t) acc[t] = add_step<Form>(acc[t], w, p, t);
        panel += kTokens * kPanelTokenBytes;
      }
    }
  }
  store_tile<kTokens>(out, acc);
}

template <class Block>
void block_stream(const MatmulChunk& chunk) {
  static_assert(kStreamTokens == 4);
  UnitCursor at{chunk.runs, 0};
  for (std::uint32_t row = 0; row < chunk.rows; row += 16) {
    const std::uint32_t rows = chunk.rows - row < 16 ? chunk.rows - row : 16;
    const TileOut out{chunk.y + row, chunk.y_stride, rows};
    switch (chunk.tokens) {
      case 1:
        stream_tile<Block, 1>(at, chunk.blocks, chunk.panels, out);
        break;
      case 2:
        stream_tile<Block, 2>(at, chunk.blocks, chunk.panels, out);
        break;
      case 3:
        stream_tile<Block, 3>(at, chunk.blocks, chunk.panels, out);
        break;
      default:
        stream_tile<Block, 4>(at, chunk.blocks, chunk.panels, out);
    }
    skip_units(at, chunk.blocks);
  }
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
    return add(mul(div(to_f(load_u8(p)), set_f(255.0F)), width), low);
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
    default:
      return element_tile<Element, 5>(at, chunk, x, out);
  }
}

template <class Element>
void element_matmul(const MatmulChunk& chunk) {
  UnitCursor at{chunk.runs, 0};
  for (std::uint32_t row = 0; row < chunk.rows; row += 16) {
    const std::uint32_t rows = chunk.rows - row < 16 ? chunk.rows - row : 16;
    for_each_panel(chunk, [&](std::uint32_t t, std::uint32_t width) {
      const std::int64_t first = t;
      element_tile_of<Element>(at, chunk, width, chunk.panels + t * chunk.cols * sizeof(float),
                               {chunk.y + row + first * chunk.y_stride, chunk.y_stride, rows});
    });
    skip_units(at, chunk.blocks);
  }
}

template <class Block>
void block_matmul(const MatmulChunk& chunk) {
  return chunk.tokens <= kStreamTokens ? block_stream<Block>(chunk) : block_prefill<Block>(chunk);
}

/// DType codes of dtypes.def that have a packed form (matmul.cpp asserts that they agree).
void matmul_chunk(const MatmulChunk& chunk) {
  switch (chunk.dtype) {
    case 0:
      return element_matmul<ElementF32>(chunk);
    case 1:
      return element_matmul<ElementF16>(chunk);
    case 2:
      return block_matmul<BlockQ4_0>(chunk);
    case 3:
      return block_matmul<BlockQ4_1>(chunk);
    case 6:
      return block_matmul<BlockQ5_0>(chunk);
    case 7:
      return block_matmul<BlockQ5_1>(chunk);
    case 8:
      return block_matmul<BlockQ8_0>(chunk);
    case 10:
      return block_matmul<BlockQ2_K>(chunk);
    case 11:
      return block_matmul<BlockQ3_K>(chunk);
    case 12:
      return block_matmul<BlockQ4_K>(chunk);
    case 13:
      return block_matmul<BlockQ5_K>(chunk);
    case 14:
      return block_matmul<BlockQ6_K>(chunk);
    case 20:
      return block_matmul<BlockIQ4_NL>(chunk);
    case 30:
      return element_matmul<ElementBf16>(chunk);
    case 39:
      return block_matmul<BlockMXFP4>(chunk);
    case 129:
      return element_matmul<ElementAffine>(chunk);
    default:
      return;
  }
}
