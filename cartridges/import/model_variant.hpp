#pragma once
// What a model file of a family may vary: windows, scaled positions, factors of its own. Fills the
// plan's program, hyper-parameters and extra tensors. Private to model_plan.

#include "cartridges/import/model_keys.hpp"
#include "cartridges/import/model_plan.hpp"

namespace pxos::cartridges {

/// Requires: plan.shape is read. Errors: kUnsupported names the key and value no program follows;
/// kInvalid for a value out of range.
Result<void> read_variant(const ModelFile& file, const ModelKeys& keys, ModelPlan& plan);

}  // namespace pxos::cartridges
