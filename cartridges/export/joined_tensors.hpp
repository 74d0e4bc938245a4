#pragma once
// What import cut apart goes together again: files of some architectures hold query, key and value
// (gate and up) as one tensor, and other tools look for it under that one name.

#include "cartridges/import/architecture.hpp"
#include "pixelfs/sheet.hpp"

namespace pxos::cartridges {

/// A tensor of the file to write: its rows are those of the parts, one after another.
struct JoinedTensor {
  std::string name;
  std::vector<std::int64_t> shape;  ///< outermost first
  tensor::DType dtype{};
  std::vector<const pixelfs::WeightTensor*> parts;  ///< of `weights`; never empty
  std::uint64_t canonical_bytes = 0;
};

/// All of `weights` in their order; those with a common TensorRow::fused in `architecture`
/// as one, at the place of the first. Parts of different types (a quantised mix) have no common
/// form and stay apart, as do those of a group that is not complete.
[[nodiscard]] std::vector<JoinedTensor> joined_tensors(
    std::span<const pixelfs::WeightTensor> weights, const Architecture& architecture);

}  // namespace pxos::cartridges
