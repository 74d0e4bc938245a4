#pragma once
// The function table of one instruction set. POD only: the kernel translation units include this header and
// intrinsics, nothing else, so that no inline function compiled with their flags can be linked into baseline code.
// Filled in by scalar.cpp, avx2.cpp and avx512.cpp; chosen at run time by select_kernels().

#include <cstddef>
#include <cstdint>

namespace pxos::tensor {

struct KernelTable {
  const char* name;  ///< "scalar", "avx2", "avx512"
};

}  // namespace pxos::tensor
