#pragma once
// Views as the arguments of tensor operations. The verifier proved rank and element type. Private
// to vm.

#include "pxvm/tensor/view.hpp"
#include "pxvm/vm/machine.hpp"

#include <cstdint>
#include <span>

namespace pxos::vm {

inline tensor::MatF32 matrix(const TensorView& view) {
  return {reinterpret_cast<float*>(view.data), view.dims[0], view.dims[1], view.dims[1]};
}
inline tensor::ConstMatF32 const_matrix(const TensorView& view) {
  return {reinterpret_cast<const float*>(view.data), view.dims[0], view.dims[1], view.dims[1]};
}
inline tensor::KvCache cache_of(const TensorView& view) {
  return {view.data, view.caches, view.dims[0], view.dims[1], view.dims[1]};
}
/// All elements of a plain f32 view, whatever its rank.
inline std::span<const float> flat(const TensorView& view) {
  return {reinterpret_cast<const float*>(view.data), static_cast<std::size_t>(view.elements())};
}

inline std::uint64_t work(std::int64_t a, std::int64_t b = 1, std::int64_t c = 1) {
  return static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b) *
         static_cast<std::uint64_t>(c);
}

}  // namespace pxos::vm
