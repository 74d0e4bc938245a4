// Many tokens: the weights of a few row groups are expanded once into bytes and f32 factors in the
// first cache and multiplied with every panel from there, so all block dtypes share these tiles. A
// tile keeps kTileGroups x kTokens integer sums and as many float sums in registers; the columns
// are cut into slices that fit the cache, and the float sums wait in y between slices (a store and
// a load of f32 change nothing).

/// Steps of kTileGroups row groups, expanded: [group][step][kStepBytes].
struct Expanded {
  const std::uint8_t* steps;
  std::size_t group_bytes;
};

PX_INLINE const float* factors(const std::uint8_t* step, std::size_t index) {
  return static_cast<const float*>(static_cast<const void*>(step + 512 + 64 * index));
}

/// y[t][16 g ..] (+)= the product of `steps` steps with a panel of kTokens tokens.
template <class Form, std::size_t kTokens>
void prefill_tile(const Expanded& w, std::uint32_t steps, const std::uint8_t* panel, float* y,
                  std::int64_t y_stride, bool first) {
  constexpr std::size_t kLines = 8 / Form::kGroups;
  Vf acc[kTileGroups][kTokens];
  for (std::size_t g = 0; g < kTileGroups; ++g) {
    for (std::size_t t = 0; t < kTokens; ++t) {
      acc[g][t] = first ? zero_f() : load_f(y + static_cast<std::int64_t>(t) * y_stride + 16 * g);
    }
  }
  const std::uint8_t* step = w.steps;
  for (std::uint32_t b = 0; b < steps; ++b, step += Form::kStepBytes) {
    const PanelBlock<kTokens> p{panel};
    PX_UNROLL
    for (std::size_t h = 0; h < Form::kGroups; ++h) {
      Vi dot[kTileGroups][kTokens];
      PX_UNROLL
      for (std::size_t t = 0; t < kTokens; ++t) {
        const Vi start = first_sum<Form>(p, h, t);
        PX_UNROLL
        for (std::size_t g = 0; g < kTileGroups; ++g) dot[g][t] = start;
      }
      PX_UNROLL
      for (std::size_t j = h * kLines; j < (h + 1) * kLines; ++j) {
        Vb line[kTileGroups];
        PX_UNROLL
        for (std::size_t g = 0; g < kTileGroups; ++g) {
          line[g] = load_b(step + g * w.group_bytes + 64 * j);
        }
        PX_UNROLL
        for (std::size_t t = 0; t < kTokens; ++t) {
          const Vi x = broadcast_dword(p.x(t) + 4 * j);
          PX_UNROLL
          for (std::size_t g = 0; g < kTileGroups; ++g) {
            dot[g][t] = dot_of<Form>(dot[g][t], line[g], x);
          }
        }
      }
      PX_UNROLL
      for (std::size_t g = 0; g < kTileGroups; ++g) {
        const std::uint8_t* of_group = step + g * w.group_bytes;
        const Vf d = load_f(factors(of_group, h));
        const Vf m = Form::kMin ? load_f(factors(of_group, Form::kGroups + h)) : zero_f();
        PX_UNROLL
        for (std::size_t t = 0; t < kTokens; ++t) {
          acc[g][t] = add_group<Form>(acc[g][t], dot[g][t], d, m, p, h, t);
        }
      }
    }
    panel += kTokens * kPanelTokenBytes;
  }
  for (std::size_t g = 0; g < kTileGroups; ++g) {
    for (std::size_t t = 0; t < kTokens; ++t) {
      store_f(y + static_cast<std::int64_t>(t) * y_stride + 16 * g, acc[g][t]);
    }
  }
}

template <class Form>
PX_INLINE void prefill_tile_of(std::uint32_t width, const Expanded& w, std::uint32_t steps,
                               const std::uint8_t* panel, float* y, std::int64_t y_stride,
                               bool first) {
  static_assert(kMaxPanelTokens == 5);
  switch (width) {
    case 1:
      return prefill_tile<Form, 1>(w, steps, panel, y, y_stride, first);
    case 2:
      return prefill_tile<Form, 2>(w, steps, panel, y, y_stride, first);
    case 3:
      return prefill_tile<Form, 3>(w, steps, panel, y, y_stride, first);
    case 4:
      return prefill_tile<Form, 4>(w, steps, panel, y, y_stride, first);
    default:
      return prefill_tile<Form, 5>(w, steps, panel, y, y_stride, first);
  }
}

/// The next `units` units of one row group as steps.
template <class Block>
PX_INLINE void expand_units(UnitCursor& at, std::uint32_t units, std::uint8_t* to) {
  using Form = typename Block::Form;
  while (units != 0) {
    const UnitSpan span = next_units(at, units, Block::kUnitBytes);
    units -= static_cast<std::uint32_t>(span.count);
    const std::uint8_t* unit = span.units;
    for (std::uint64_t u = 0; u < span.count; ++u, unit += Block::kUnitBytes) {
      for (std::uint32_t s = 0; s < Block::kSteps; ++s, to += Form::kStepBytes) {
        StepWeights<Form> w;
        Block::load(unit, s, w);
        PX_UNROLL
        for (std::size_t j = 0; j < 8; ++j) store_b(to + 64 * j, w.w[j]);
        float* numbers = static_cast<float*>(static_cast<void*>(to + 512));
        PX_UNROLL
        for (std::size_t h = 0; h < Form::kGroups; ++h) store_f(numbers + 16 * h, w.d[h]);
        PX_UNROLL
        for (std::size_t h = 0; h < Form::kMins; ++h) {
          store_f(numbers + 16 * (Form::kGroups + h), w.m[h]);
        }
      }
    }
  }
}

/// The largest expanded slice of any form: two groups with minima.
constexpr std::size_t kExpandedBytes =
    kTileGroups * kSliceSteps * BlockForm<true, kNoOffset, true, true>::kStepBytes;

/// Where the tiles of kTileGroups row groups from `row` go: y itself, or a buffer where the last
/// rows are cut (kernel scratch: [tokens][16 kTileGroups]).
struct PrefillRows {
  float* y;
  std::int64_t stride;
  std::uint32_t rows;
};

template <class Block>
void prefill_groups(const MatmulChunk& chunk, UnitCursor (&cursors)[kTileGroups],
                    const PrefillRows& out) {
  using Form = typename Block::Form;
  constexpr std::uint32_t kUnits = kSliceSteps / Block::kSteps;
  const std::uint32_t slices = (chunk.blocks + kUnits - 1) / kUnits;
  const std::uint32_t per_slice = (chunk.blocks + slices - 1) / slices;
  const std::uint32_t groups = (out.rows + 15) / 16;
  constexpr std::size_t kGroupBytes = kSliceSteps * Form::kStepBytes;
  for (std::uint32_t first = 0; first < chunk.blocks; first += per_slice) {
    const std::uint32_t left = chunk.blocks - first;
    const std::uint32_t units = left < per_slice ? left : per_slice;
    for (std::uint32_t g = 0; g < groups; ++g) {
      expand_units<Block>(cursors[g], units, chunk.scratch + g * kGroupBytes);
    }
    const Expanded w{chunk.scratch, kGroupBytes};
    const std::size_t panel_skip = std::size_t{first} * Block::kSteps * kPanelTokenBytes;
    const std::size_t token_bytes = std::size_t{chunk.blocks} * Block::kSteps * kPanelTokenBytes;
    for_each_panel(chunk, [&](std::uint32_t t, std::uint32_t width) {
      prefill_tile_of<Form>(
          width, w, units * Block::kSteps, chunk.panels + t * token_bytes + width * panel_skip,
          out.y + static_cast<std::int64_t>(t) * out.stride, out.stride, first == 0);
    });
  }
}

template <class Block>
void block_prefill(const MatmulChunk& chunk) {
  UnitCursor at{chunk.runs, 0};
  float* spare = static_cast<float*>(static_cast<void*>(chunk.scratch + kExpandedBytes));
  for (std::uint32_t row = 0; row < chunk.rows; row += 16 * kTileGroups) {
    const std::uint32_t left = chunk.rows - row;
    const bool whole = left >= 16 * kTileGroups;
    const std::uint32_t rows = whole ? 16 * kTileGroups : left;
    UnitCursor cursors[kTileGroups];
    for (std::uint32_t g = 0; g < (rows + 15) / 16; ++g) {
      cursors[g] = at;
      skip_units(at, chunk.blocks);
    }
    if (whole) {
      prefill_groups<Block>(chunk, cursors, {chunk.y + row, chunk.y_stride, rows});
      continue;
    }
    prefill_groups<Block>(chunk, cursors, {spare, 16 * kTileGroups, rows});
    for (std::uint32_t t = 0; t < chunk.tokens; ++t) {
      __builtin_memcpy(chunk.y + row + static_cast<std::int64_t>(t) * chunk.y_stride,
                       spare + std::size_t{t} * 16 * kTileGroups, rows * sizeof(float));
    }
  }
}
