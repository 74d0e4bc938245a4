#pragma once
// What a cartridge is made of, read from a model file by the table of architectures and checked
// against itself: the program, the hyper-parameters by the names programs use, the tensors in the
// order the forward pass reads them. A model that asks for arithmetic which no program does is
// refused, not approximated. Pure functions.

#include "cartridges/import/architecture.hpp"
#include "cartridges/import/model_file.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pxos::cartridges {

struct ModelPlan {
  ModelShape shape;
  std::string program;
  // Hyper-parameters of this family beside those of the shape; those at a program's default are
  // left out.
  std::map<std::string, std::int64_t> integers;
  std::map<std::string, double> reals;
  std::vector<LayoutTensor> extra;  ///< lists of frequency factors, behind the layout's tensors
  /// In forward order. Parts of a fused tensor read from it. Keeps: what the file's tensors read
  /// from.
  std::vector<ModelTensor> tensors;
};

/// Errors: kNotFound for a missing key; kInvalid for a value out of range or that disagrees with
/// another, and for a tensor that is missing or whose shape is not what the hyper-parameters say
/// (both shapes); kUnsupported for what no program does: an unknown architecture, experts, a
/// scaling of positions without a name here, a tensor nobody has a use for.
Result<ModelPlan> plan_model(const ModelFile& file);

}  // namespace pxos::cartridges
