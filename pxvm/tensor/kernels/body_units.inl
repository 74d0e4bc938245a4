// Walking a chunk: its packed units in order and its panels.

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

/// f(first token, width) for every panel of the chunk.
template <class F>
PX_INLINE void for_each_panel(const MatmulChunk& chunk, F f) {
  std::uint32_t t = 0;
  for (std::uint32_t p = 0; p < chunk.panel_count; ++p) {
    const std::uint32_t width = chunk.panel_tokens - (p < chunk.wide_panels ? 0U : 1U);
    f(t, width);
    t += width;
  }
}
