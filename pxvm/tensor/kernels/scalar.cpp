// The baseline set. No instruction beyond x86-64's SSE2; FMA is exact arithmetic in f64.

#include "pxvm/tensor/kernels/kernel_table.hpp"

#define PX_INLINE inline __attribute__((always_inline))
#define PX_UNROLL _Pragma("GCC unroll 8")

namespace pxos::tensor {
namespace {
namespace scalar {

alignas(64) constexpr float kLaneIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr const char* kName = "scalar";
constexpr std::uint32_t kPrefillTokens = 4;
constexpr std::uint32_t kPrefillGroups = 1;

// The order matters: the bodies are written over the vector type.
// clang-format off
#include "pxvm/tensor/kernels/vec_scalar.inl"
#include "pxvm/tensor/kernels/body_rows.inl"
#include "pxvm/tensor/kernels/body_attention.inl"
#include "pxvm/tensor/kernels/body_matmul.inl"
// clang-format on

void matmul_chunk_of_set(const MatmulChunk& chunk) {
  matmul_chunk(chunk);
}
std::size_t scratch_bytes() {
  return 0;
}

#include "pxvm/tensor/kernels/body_table.inl"

}  // namespace scalar
}  // namespace

extern const KernelTable kScalarKernels;
const KernelTable kScalarKernels = scalar::kTable;

}  // namespace pxos::tensor
