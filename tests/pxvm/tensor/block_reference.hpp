#pragma once
// Block dtypes read element by element, written from the descriptions of the formats and sharing no
// code with pxvm: the oracle of dequantisation, packing and matrix products.

#include "pxvm/tensor/dtype.hpp"

#include <cstdint>
#include <vector>

namespace pxos::tensor::test {

/// The parts of x = level * scale (+ minimum).
struct ReferenceElement {
  int level = 0;
  float scale = 0;
  float minimum = 0;
  bool has_minimum = false;

  [[nodiscard]] float value() const;
};

/// Element k of one canonical block.
ReferenceElement reference_element(DType dtype, const std::uint8_t* block, unsigned k);

/// Every dtype with blocks.
const std::vector<DType>& block_types();

/// Columns that share a scale.
unsigned group_columns(DType dtype);

/// Writes scale 1 into every f16 factor of a block (an MXFP4 exponent of 2^0).
void set_factors(DType dtype, std::uint8_t* block);

/// `count` canonical blocks of random bits. Scales and minima are random f16 of any exponent, NaN
/// and infinity included, or, when `tame`, of weights' usual size.
std::vector<std::uint8_t> random_blocks(DType dtype, std::size_t count, std::uint32_t seed,
                                        bool tame);

}  // namespace pxos::tensor::test
