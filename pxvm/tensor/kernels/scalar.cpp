// The baseline set. No instruction beyond x86-64's SSE2; FMA is exact arithmetic in f64.

#include "pxvm/tensor/kernels/inlining.hpp"
#include "pxvm/tensor/kernels/kernel_table.hpp"

#define PX_CALL PX_INLINE

namespace pxos::tensor {

extern const MatmulKernels kScalarMatmul;

namespace {
namespace scalar {

alignas(64) constexpr float kLaneIndex[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
/// Queries whose sums attention_rows keeps in registers.
constexpr std::uint32_t kTurnedQueries = 2;
constexpr const char* kName = "scalar";
constexpr const MatmulKernels& kMatmul = kScalarMatmul;
// The order matters: the bodies are written over the vector type.
// clang-format off
#include "pxvm/tensor/kernels/vec_scalar.inl"
#include "pxvm/tensor/kernels/body_rows.inl"
#include "pxvm/tensor/kernels/body_activations.inl"
#include "pxvm/tensor/kernels/body_attention.inl"
// clang-format on

#include "pxvm/tensor/kernels/body_table.inl"

}  // namespace scalar
}  // namespace

extern const KernelTable kScalarKernels;
const KernelTable kScalarKernels = scalar::kTable;

}  // namespace pxos::tensor
