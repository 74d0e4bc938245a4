#include "cartridges/import/model_variant.hpp"

#include <array>
#include <cmath>

namespace pxos::cartridges {
namespace {

// How often a list of layers repeats where the file does not say: it is part of the architecture.
constexpr std::int64_t kGemma3Period = 6;
constexpr std::int64_t kSmollm3Period = 4;
// The one size of Gemma 3 whose attention is scaled by dim / n_head instead of head_dim.
constexpr std::int64_t kGemma3LayersOf27B = 62;
// Scaling of positions: beyond these numbers nothing has been trained.
constexpr double kMaxScaling = 65536;
constexpr double kMaxMagnitude = 16;

/// Keys that change the arithmetic in ways the programs do not follow.
Result<void> refuse_variants(const ModelKeys& keys) {
  struct Neutral {
    std::string_view key;
    double value;
  };
  static constexpr std::array<Neutral, 7> kNeutral{{{"expert_count", 0},
                                                    {"logit_scale", 1},
                                                    {"residual_scale", 1},
                                                    {"embedding_scale", 1},
                                                    {"attention.clamp_kqv", 0},
                                                    {"attn_logit_softcapping", 0},
                                                    {"final_logit_softcapping", 0}}};
  for (const Neutral& row : kNeutral) PX_CHECK(keys.neutral(row.key, row.value));
  return {};
}

/// `factor` of a linear squeeze of positions, under either of its names.
Result<double> scaling_factor(const ModelKeys& keys) {
  PX_TRY(const double old_name, keys.real("rope.scale_linear", kMaxScaling, 1));
  // Some converters write 0 for "none".
  PX_TRY(const auto raw, keys.metadata().find_real(keys.full("rope.scaling.factor")));
  if (raw && *raw == 0) return old_name;
  return keys.real("rope.scaling.factor", kMaxScaling, old_name);
}

/// YaRN: fast pairs keep their frequency, slow ones are divided, attention gets sharper.
Result<void> read_yarn(const ModelKeys& keys, double factor, ModelPlan& plan) {
  PX_TRY(const std::int64_t original,
         keys.positive_or("rope.scaling.original_context_length", plan.shape.ctx));
  PX_TRY(const double fast, keys.real("rope.scaling.yarn_beta_fast", 1e6, 32));
  PX_TRY(const double slow, keys.real("rope.scaling.yarn_beta_slow", 1e6, 1));
  PX_CHECK(keys.neutral("rope.scaling.yarn_ext_factor", 1));
  plan.reals["rope_factor"] = factor;
  plan.reals["rope_original"] = static_cast<double>(original);
  plan.reals["rope_beta_fast"] = fast;
  plan.reals["rope_beta_slow"] = slow;
  if (factor > 1) plan.reals["rope_magnitude"] = 1 + 0.1 * std::log(factor);
  return {};
}

Result<void> read_magnitude(const ModelKeys& keys, ModelPlan& plan) {
  PX_TRY(const double strength, keys.real("rope.scaling.attn_factor", kMaxMagnitude, 1));
  if (strength == 1) return {};
  const auto found = plan.reals.find("rope_magnitude");
  plan.reals["rope_magnitude"] = strength * (found != plan.reals.end() ? found->second : 1);
  return {};
}

Result<void> read_scaling(const ModelKeys& keys, ModelPlan& plan) {
  const std::string type_key = keys.full("rope.scaling.type");
  PX_TRY(const auto found, keys.metadata().find_text(type_key));
  const std::string_view type = found.value_or("linear");
  PX_TRY(const double factor, scaling_factor(keys));
  if (type == "yarn") return read_yarn(keys, factor, plan);
  // The lists of factors of "longrope" are tensors, read with the others of phi3.
  if (type == "longrope" && plan.shape.architecture->name == "phi3") return {};
  if (type == "none") return {};
  if (type == "ntk") {
    // A larger base instead of a squeeze: the slowest pair ends up divided by the factor.
    const auto dims = static_cast<double>(plan.shape.rope_dims);
    if (dims < 4) return fail(Errc::kInvalid, "{}: \"ntk\" needs more than one pair", type_key);
    plan.shape.rope_base *= std::pow(factor, dims / (dims - 2));
    return {};
  }
  if (type != "linear")
    return fail(Errc::kUnsupported, "{}: \"{}\" is not supported yet (none, linear, ntk, yarn are)",
                type_key, type);
  if (factor != 1) plan.reals["rope_factor"] = factor;
  return {};
}

/// A window that no position of the model's context leaves is none.
Result<std::int64_t> sliding_window(const ModelKeys& keys, const ModelShape& shape) {
  PX_TRY(const std::int64_t window, keys.count("attention.sliding_window"));
  return window >= shape.ctx ? 0 : window;
}

/// One factor per rotated pair.
void add_factors(std::string name, ModelPlan& plan) {
  plan.integers["rope_pairs"] = plan.shape.rope_dims / 2;
  plan.extra.push_back({std::move(name), {plan.shape.rope_dims / 2}, {}});
}

Result<void> read_llama(const ModelFile& file, const ModelKeys& keys, ModelPlan& plan) {
  PX_TRY(const std::int64_t window, sliding_window(keys, plan.shape));
  const bool has_factors = file.find_tensor("rope_freqs.weight") != nullptr;
  if (window != 0 && has_factors)
    return fail(Errc::kUnsupported, "{}: {} together with rope_freqs.weight is not supported yet",
                keys.full("attention.sliding_window"), window);
  if (window != 0) {
    plan.program = "mistral";
    plan.integers["window"] = window;
  }
  if (has_factors) {
    plan.program = "llama3";
    add_factors("rope_freqs.weight", plan);
  }
  return {};
}

Result<void> read_smollm3(const ModelFile&, const ModelKeys&, ModelPlan& plan) {
  plan.integers["nope_period"] = kSmollm3Period;
  return {};
}

Result<void> read_gemma3(const ModelFile&, const ModelKeys& keys, ModelPlan& plan) {
  const ModelShape& shape = plan.shape;
  PX_TRY(plan.integers["window"], keys.positive("attention.sliding_window"));
  PX_TRY(plan.integers["window_period"],
         keys.positive_or("attention.sliding_window_pattern", kGemma3Period));
  PX_TRY(plan.reals["rope_local_base"], keys.real("rope.freq_base_swa", 1e12, 10000));
  const bool by_dim = shape.n_layer == kGemma3LayersOf27B;
  plan.reals["attn_scale"] =
      1 / std::sqrt(static_cast<double>(by_dim ? shape.dim / shape.n_head : shape.head_dim));
  return {};
}

Result<void> read_phi3(const ModelFile& file, const ModelKeys& keys, ModelPlan& plan) {
  PX_TRY(const std::int64_t window, sliding_window(keys, plan.shape));
  if (window != 0) plan.integers["window"] = window;
  if (file.find_tensor("rope_factors_long.weight") == nullptr) return {};
  PX_TRY(const std::int64_t original,
         keys.positive_or("rope.scaling.original_context_length", plan.shape.ctx));
  plan.program = "phi3_longrope";
  plan.integers["first_ctx"] = original;
  add_factors("rope_factors_long.weight", plan);
  add_factors("rope_factors_short.weight", plan);
  return {};
}

Result<void> read_gpt2(const ModelFile&, const ModelKeys&, ModelPlan& plan) {
  plan.integers["positions"] = plan.shape.positions;
  return {};
}

struct Special {
  std::string_view architecture;
  Result<void> (*read)(const ModelFile&, const ModelKeys&, ModelPlan&);
  bool has_window;  ///< it reads attention.sliding_window itself
};
constexpr std::array<Special, 5> kSpecials{{{"llama", read_llama, true},
                                            {"smollm3", read_smollm3, false},
                                            {"gemma3", read_gemma3, true},
                                            {"phi3", read_phi3, true},
                                            {"gpt2", read_gpt2, false}}};

}  // namespace

Result<void> read_variant(const ModelFile& file, const ModelKeys& keys, ModelPlan& plan) {
  const Architecture& architecture = *plan.shape.architecture;
  plan.program = architecture.program;
  PX_CHECK(refuse_variants(keys));
  if (architecture.has_rope) {
    PX_CHECK(read_scaling(keys, plan));
    PX_CHECK(read_magnitude(keys, plan));
  }
  bool has_window = false;
  for (const Special& row : kSpecials) {
    if (row.architecture != architecture.name) continue;
    PX_CHECK(row.read(file, keys, plan));
    has_window = row.has_window;
  }
  if (has_window) return {};
  PX_TRY(const std::int64_t window, sliding_window(keys, plan.shape));
  if (window == 0) return {};
  return fail(Errc::kUnsupported, "{}: {} is not supported yet for {}",
              keys.full("attention.sliding_window"), window, architecture.name);
}

}  // namespace pxos::cartridges
