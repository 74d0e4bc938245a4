#pragma once
// Where the units of a packed tensor lie in memory, as runs for the kernels. Not part of the public
// surface of the folder; matmul.cpp and gather_rows use it.

#include "pxvm/tensor/kernels/kernel_table.hpp"
#include "pxvm/tensor/view.hpp"

#include <cstdint>
#include <span>

namespace pxos::tensor {

/// Writes the contiguous runs of row groups [first, first + count), in order; returns how many.
/// Requires: first + count <= row groups of the segments together; out.size() >= count *
/// units_per_group.
std::size_t list_runs(const PackedTensor& tensor, std::int64_t first, std::int64_t count,
                      std::span<KernelRun> out);

}  // namespace pxos::tensor
