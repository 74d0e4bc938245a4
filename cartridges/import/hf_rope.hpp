#pragma once
// The rotary embedding of a Hugging Face config in GGUF's keys and tensors. Shows a JSON type: for
// the .cpp files of this folder only.

#include "cartridges/import/hf_config.hpp"
#include "cartridges/json.hpp"

#include <span>
#include <vector>

namespace pxos::cartridges {

/// Reads rope_theta, partial_rotary_factor and rope_scaling (or rope_parameters) into `out`.
/// Requires: out.family, head_dim, width. Errors: kInvalid names the key; kUnsupported names the
/// kind of scaling.
Result<void> read_hf_rope(const Json& config, std::int64_t positions, HfConfig& out);

/// Parameters of llama 3's scaling.
struct Llama3Scaling {
  double factor = 1, low = 1, high = 4, original_context = 8192;
};
/// The divisor of each of dims / 2 frequencies base^(-2i/dims): 1 for waves shorter than
/// original / high, `factor` for those longer than original / low, between them 1 over the mean of
/// 1/factor and 1, weighted by (original/wave - low) / (high - low).
[[nodiscard]] std::vector<float> llama3_factors(const Llama3Scaling& scaling, double base,
                                                std::int64_t dims);

}  // namespace pxos::cartridges
