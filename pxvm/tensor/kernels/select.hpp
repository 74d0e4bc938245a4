#pragma once
// Chooses the kernel set at run time from CPUID; PXOS_KERNELS=scalar|avx2|avx512 forces one.

#include "pxvm/base/result.hpp"
#include "pxvm/tensor/kernels/kernel_table.hpp"

#include <string_view>
#include <vector>

namespace pxos::tensor {

/// Sets this CPU can run, slowest first; "scalar" is always there.
[[nodiscard]] std::vector<const KernelTable*> available_kernels();

/// The named set, or the fastest when `name` is empty. Errors: kUnsupported names what this CPU
/// has.
Result<const KernelTable*> select_kernels(std::string_view name);

/// select_kernels of the environment variable PXOS_KERNELS (unset or empty: the fastest).
Result<const KernelTable*> select_kernels_from_environment();

}  // namespace pxos::tensor
