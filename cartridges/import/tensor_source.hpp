#pragma once
// A tensor of a model as an input of the sheet writer. Vectors become linear f32 (norm gains are
// read whole by the program); matrices keep their blocks bit-exactly as packed16, unless another
// dtype is asked for.

#include "cartridges/import/model_file.hpp"
#include "pixelfs/sheet.hpp"

#include <optional>

namespace pxos::cartridges {

/// Keeps: what the tensor reads from must outlive the input. `as`: empty, or what matrices become
/// (can_quantize); those whose rows are not whole blocks of it keep their own dtype.
[[nodiscard]] pixelfs::TensorInput tensor_source(const ModelTensor& tensor,
                                                 std::optional<tensor::DType> as);

}  // namespace pxos::cartridges
