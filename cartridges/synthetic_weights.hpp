#pragma once
// Random weights in any dtype, for measuring without a download: canonical bytes as a pure function
// of (seed, offset), so that a tensor of any size streams out in any order. The numbers are sane,
// not trained: matrices have a spread of 1 / sqrt(columns), so activations stay of order one.

#include "pixelfs/sheet.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pxos::cartridges {

/// A matrix [rows, cols] of `dtype` under `name`; the seed is made from the name.
/// Errors: kUnsupported for a dtype without a rule here, kInvalid when cols does not fit its block.
Result<pixelfs::TensorInput> synthetic_matrix(const std::string& name, tensor::DType dtype,
                                              std::vector<std::int64_t> shape);

/// A vector of f32, linear: gains are 1, biases small random numbers.
pixelfs::TensorInput synthetic_vector(const std::string& name, std::int64_t size);

}  // namespace pxos::cartridges
