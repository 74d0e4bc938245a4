// The matmul entries of a set, from the bodies. Included last.

/// Expanded steps of a slice, then the rows of a last, cut tile for all tokens.
std::size_t matmul_scratch_bytes(std::uint32_t tokens) {
  return kExpandedBytes + std::size_t{tokens} * 16 * kTileGroups * sizeof(float);
}

constexpr MatmulKernels kMatmulTable = {static_cast<std::uint32_t>(kTileTokens),
                                        static_cast<std::uint32_t>(kTileGroups), quantize_panel,
                                        matmul_chunk, matmul_scratch_bytes};
