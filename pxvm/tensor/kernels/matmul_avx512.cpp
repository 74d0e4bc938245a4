// Matrix products of the AVX-512 set. Compiled with its own flags; see kernel_table.hpp for what
// may be included.

#include "pxvm/tensor/kernels/inlining.hpp"
#include "pxvm/tensor/kernels/kernel_table.hpp"

#include <immintrin.h>

namespace pxos::tensor {
namespace {
namespace avx512 {

constexpr std::size_t kTileTokens = 5;
constexpr std::size_t kTileGroups = 2;
constexpr std::uint32_t kSliceSteps = 32;

// The order matters: the bodies are written over the vector type.
// clang-format off
#include "pxvm/tensor/kernels/vec_avx512.inl"
#include "pxvm/tensor/kernels/body_panel.inl"
#include "pxvm/tensor/kernels/body_units.inl"
#include "pxvm/tensor/kernels/block.inl"
#include "pxvm/tensor/kernels/block_lines.inl"
#include "pxvm/tensor/kernels/block_q8_0.inl"
#include "pxvm/tensor/kernels/block_q4.inl"
#include "pxvm/tensor/kernels/block_q5.inl"
#include "pxvm/tensor/kernels/block_levels.inl"
#include "pxvm/tensor/kernels/block_q4_k.inl"
#include "pxvm/tensor/kernels/block_k16.inl"
#include "pxvm/tensor/kernels/body_prefill.inl"
#include "pxvm/tensor/kernels/body_matmul.inl"
#include "pxvm/tensor/kernels/body_matmul_table.inl"
// clang-format on

}  // namespace avx512
}  // namespace

extern const MatmulKernels kAvx512Matmul;
const MatmulKernels kAvx512Matmul = avx512::kMatmulTable;

}  // namespace pxos::tensor
