// The AVX-512 (F, BW, VL, DQ, VNNI) set. Compiled with its own flags; see kernel_table.hpp for what
// may be included.

#include "pxvm/tensor/kernels/inlining.hpp"
#include "pxvm/tensor/kernels/kernel_table.hpp"

#include <immintrin.h>

namespace pxos::tensor {

extern const MatmulKernels kAvx512Matmul;

namespace {
namespace avx512 {

alignas(64) constexpr float kLaneIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
/// Queries whose sums attention_rows keeps in registers.
constexpr std::uint32_t kTurnedQueries = 8;
constexpr const char* kName = "avx512";
constexpr const MatmulKernels& kMatmul = kAvx512Matmul;
// The order matters: the bodies are written over the vector type.
// clang-format off
#include "pxvm/tensor/kernels/vec_avx512.inl"
#include "pxvm/tensor/kernels/body_rows.inl"
#include "pxvm/tensor/kernels/body_activations.inl"
#include "pxvm/tensor/kernels/body_attention.inl"
// clang-format on

#include "pxvm/tensor/kernels/body_table.inl"

}  // namespace avx512
}  // namespace

extern const KernelTable kAvx512Kernels;
const KernelTable kAvx512Kernels = avx512::kTable;

}  // namespace pxos::tensor
