#pragma once
// Which type every matrix of a model becomes when it is quantised. Pure functions.
//
// A recipe is a type ("q4_0", "q6_k", ...) or a mix ("q3_k_m", "q4_k_m", "q5_k_m"). Rules, the
// first that applies:
//   1. an override whose text occurs in the tensor's name;
//   2. the head (output.weight, or token_embd.weight where it is both) is the last thing between
//   the
//      model and its answer: at least Q6_K;
//   3. in a mix, attn_v and ffn_down of the first eighth of the layers, of the last eighth and of
//      every third layer between get the better type: Q5_K in q3_k_m, Q6_K in the others;
//   4. the recipe's type.
// Then, rows that are not whole blocks of 256 fall back to a type with blocks of 32 and more bits:
// Q2_K, Q3_K -> IQ4_NL, Q4_K -> Q5_0, Q5_K -> Q5_1, Q6_K -> Q8_0; and rows that are not whole
// blocks of 32 either to F16. Vectors are not touched.

#include "pxvm/tensor/dtype.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

struct QuantizeRecipe {
  struct Override {
    std::string part;  ///< of a tensor's name
    tensor::DType dtype = tensor::DType::kF32;
  };
  std::string name;
  tensor::DType dtype = tensor::DType::kQ4_0;
  std::optional<tensor::DType> better;  ///< of a mix
  std::vector<Override> overrides;
};

/// Errors: kUsage lists what there is.
Result<QuantizeRecipe> find_recipe(std::string_view name);
/// "PART=TYPE". Errors: kUsage.
Result<QuantizeRecipe::Override> parse_override(std::string_view text);
/// Every recipe's name, separated by spaces.
[[nodiscard]] std::string recipe_names();

/// What the rules look at.
struct MatrixPlace {
  std::string_view name;
  std::uint64_t cols = 0;
  std::int64_t layers = 0;  ///< of the model
  bool own_head = false;    ///< the model has an output.weight
};
[[nodiscard]] tensor::DType type_for(const QuantizeRecipe& recipe, const MatrixPlace& matrix);

}  // namespace pxos::cartridges
