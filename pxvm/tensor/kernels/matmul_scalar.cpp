// Matrix products of the scalar set. Compiled with its own flags; see kernel_table.hpp for what may
// be included.

#define PX_UNROLL _Pragma("GCC unroll 1")
#include "pxvm/tensor/kernels/inlining.hpp"
#include "pxvm/tensor/kernels/kernel_table.hpp"

// Long functions are called, not repeated in each of the many tiles: that took minutes to compile.
#define PX_CALL __attribute__((noinline, unused))

namespace pxos::tensor {
namespace {
namespace scalar {

constexpr std::size_t kTileTokens = 4;
constexpr std::size_t kTileGroups = 1;
constexpr std::uint32_t kSliceSteps = 32;

// The order matters: the bodies are written over the vector type.
// clang-format off
#include "pxvm/tensor/kernels/vec_scalar.inl"
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

}  // namespace scalar
}  // namespace

extern const MatmulKernels kScalarMatmul;
const MatmulKernels kScalarMatmul = scalar::kMatmulTable;

}  // namespace pxos::tensor
